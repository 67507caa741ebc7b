module example.com/service

go 1.24

require (
	connectrpc.com/connect v1.18.1
	connectrpc.com/grpchealth v1.4.0
	google.golang.org/protobuf v1.36.6
)
