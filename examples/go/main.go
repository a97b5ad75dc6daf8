// Command trial stores a record, retrieves it, compares, deletes it, and then it must be gone.
//
// It overwrites nothing, and what it stored it deletes. Exit code 0: the vault did all it promises. 1: it did not, or
// could not be reached. 2: the flags are wrong.
package main

//go:generate ../../node_modules/.bin/buf generate

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	vaultpb "example/trial/gen/encserver/v1"
)

const userID = "JTH"

var data = bytes.Repeat([]byte("PAYLOADS"), 8)

func main() {
	address := flag.String("address", "127.0.0.1:7777", "front end to call")
	timeout := flag.Duration("timeout", 10*time.Second, "how long the trial may take")
	ca := flag.String("tls-ca", "", "`file` with the authority of the server; turns TLS on")
	cert := flag.String("tls-cert", "", "`file` with the certificate of this client")
	key := flag.String("tls-key", "", "`file` with the private key of that certificate")
	flag.Parse()

	creds, err := transport(*ca, *cert, *key)
	if err != nil {
		fail(2, err.Error())
	}
	conn, err := grpc.NewClient(*address, grpc.WithTransportCredentials(creds), grpc.WithNoProxy())
	if err != nil {
		fail(2, err.Error())
	}
	defer conn.Close()

	// The deadline of every call under this context. After it a call fails, whatever the server does.
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()

	fmt.Println("trial against", *address)
	if err := trial(ctx, vaultpb.NewFrontendServiceClient(conn)); err != nil {
		fail(1, describe(err))
	}
	fmt.Println("the trial passed")
}

func trial(ctx context.Context, vault vaultpb.FrontendServiceClient) error {
	stored, err := vault.StoreRecord(ctx, &vaultpb.StoreRecordRequest{
		UserId:       userID,
		Data:         data,
		Precondition: &vaultpb.Precondition{Condition: &vaultpb.Precondition_Absent{Absent: true}},
	})
	if err != nil {
		return err
	}
	say("store", "%d bytes of user %s, version %d", len(data), userID, stored.Version)

	// The token opens the record and cannot be shown again: keep it, and let it into no log and no URL.
	retrieve := &vaultpb.RetrieveRecordRequest{UserId: userID, RecordKey: stored.RecordKey}
	opened, err := vault.RetrieveRecord(ctx, retrieve)
	if err != nil {
		return err
	}
	say("retrieve", "%d bytes", len(opened.Data))

	if !bytes.Equal(opened.Data, data) {
		return errors.New("what came out is not what went in")
	}
	say("compare", "what came out is what went in")

	// The key id names what we stored: if someone replaced it in between, theirs stays.
	_, err = vault.DeleteRecord(ctx, &vaultpb.DeleteRecordRequest{UserId: userID, ExpectKeyId: stored.KeyId})
	if err != nil {
		return err
	}
	say("delete", "deleted")

	_, err = vault.RetrieveRecord(ctx, retrieve)
	switch {
	case err == nil:
		return errors.New("the record was deleted, and is still there")
	case reasonOf(err) != "RECORD_NOT_FOUND":
		return err
	}
	say("retrieve", "%s, as it must be", reasonOf(err))
	return nil
}

func say(step, format string, args ...any) {
	fmt.Printf("  %-9s %s\n", step, fmt.Sprintf(format, args...))
}

func fail(code int, message string) {
	fmt.Fprintln(os.Stderr, "error:", message)
	os.Exit(code)
}

// reasonOf gives the reason of docs/errors.md; empty if the vault gave none, as when nothing answers.
func reasonOf(err error) string {
	if info := findDetail[*errdetails.ErrorInfo](err); info.GetDomain() == "encserver" {
		return info.GetReason()
	}
	return ""
}

// describe gives the reason or else gRPC's code, words for people, and the id that finds the call in the vault's logs.
func describe(err error) string {
	answer, ok := status.FromError(err)
	if !ok {
		return err.Error()
	}
	text := cmp.Or(reasonOf(err), answer.Code().String()) + ": " + answer.Message()
	if request := findDetail[*errdetails.RequestInfo](err); request != nil {
		text += " [request " + request.GetRequestId() + "]"
	}
	return text
}

// findDetail gives the detail of that type which came with the error's google.rpc.Status, or else nil.
func findDetail[Detail any](err error) Detail {
	for _, detail := range status.Convert(err).Details() {
		if found, ok := detail.(Detail); ok {
			return found
		}
	}
	var none Detail
	return none
}

func transport(caFile, certFile, keyFile string) (credentials.TransportCredentials, error) {
	if (certFile == "") != (keyFile == "") || (certFile != "" && caFile == "") {
		return nil, errors.New("-tls-cert and -tls-key go together, and need -tls-ca")
	}
	if caFile == "" {
		return insecure.NewCredentials(), nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in PEM", caFile)
	}
	if certFile != "" {
		own, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{own}
	}
	return credentials.NewTLS(config), nil
}
