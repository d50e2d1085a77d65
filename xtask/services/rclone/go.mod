module rclone-build

go 1.26.5

require github.com/rclone/rclone v1.76.0
