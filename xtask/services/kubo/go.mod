module kubo-build

go 1.26.5

require github.com/ipfs/kubo v0.43.1

replace github.com/quic-go/quic-go => github.com/quic-go/quic-go v0.60.0

replace github.com/quic-go/webtransport-go => github.com/quic-go/webtransport-go v0.11.1
