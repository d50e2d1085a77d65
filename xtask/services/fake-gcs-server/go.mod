module fake-gcs-server-build

go 1.26.5

require github.com/fsouza/fake-gcs-server v1.56.1
