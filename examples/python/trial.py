"""The trial: store a record, retrieve it, compare, delete it, and then it must be gone.

It overwrites nothing, and what it stored it deletes. Exit code 0: the vault did all it promises. 1: it did not, or
could not be reached. 2: the flags are wrong.
"""

import argparse
import sys
from pathlib import Path
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo, RequestInfo
from grpc_status import rpc_status

from encserver.v1.frontend_pb2 import (
    DeleteRecordRequest,
    Precondition,
    RetrieveRecordRequest,
    StoreRecordRequest,
)
from encserver.v1.frontend_pb2_grpc import FrontendServiceStub

USER_ID = "JTH"
DATA = b"PAYLOADS" * 8

Detail = TypeVar("Detail", bound=Message)


class BrokenPromise(Exception):
    """The vault answered, and not as it must."""


def main() -> int:
    flags = parse_flags()
    print(f"trial against {flags.address}")
    try:
        with open_channel(flags) as channel:
            run_trial(FrontendServiceStub(channel), flags.timeout)
    except grpc.RpcError as error:
        print(f"error: {describe(error)}", file=sys.stderr)
        return 1
    except BrokenPromise as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("the trial passed")
    return 0


def run_trial(vault: FrontendServiceStub, timeout: float) -> None:
    # Every call has a deadline. After it the call fails, whatever the server does.
    stored = vault.StoreRecord(
        StoreRecordRequest(user_id=USER_ID, data=DATA, precondition=Precondition(absent=True)), timeout=timeout
    )
    say("store", f"{len(DATA)} bytes of user {USER_ID}, version {stored.version}")

    # The token opens the record and cannot be shown again: keep it, and let it into no log and no URL.
    retrieve = RetrieveRecordRequest(user_id=USER_ID, record_key=stored.record_key)
    opened = vault.RetrieveRecord(retrieve, timeout=timeout)
    say("retrieve", f"{len(opened.data)} bytes")

    if opened.data != DATA:
        raise BrokenPromise("what came out is not what went in")
    say("compare", "what came out is what went in")

    # The key id names what we stored: if someone replaced it in between, theirs stays.
    vault.DeleteRecord(DeleteRecordRequest(user_id=USER_ID, expect_key_id=stored.key_id), timeout=timeout)
    say("delete", "deleted")

    try:
        vault.RetrieveRecord(retrieve, timeout=timeout)
    except grpc.RpcError as error:
        if reason_of(error) != "RECORD_NOT_FOUND":
            raise
        say("retrieve", f"{reason_of(error)}, as it must be")
    else:
        raise BrokenPromise("the record was deleted, and is still there")


def say(step: str, outcome: str) -> None:
    print(f"  {step:<9} {outcome}", flush=True)


def reason_of(error: grpc.RpcError) -> str:
    """The reason of docs/errors.md; empty if the vault gave none, as when nothing answers."""
    info = find_detail(error, ErrorInfo)
    return info.reason if info is not None and info.domain == "encserver" else ""


def describe(error: grpc.RpcError) -> str:
    """The reason or else gRPC's code, words for people, and the id that finds the call in the vault's logs."""
    request = find_detail(error, RequestInfo)
    logged = f" [request {request.request_id}]" if request is not None else ""
    return f"{reason_of(error) or error.code().name}: {error.details()}{logged}"


def find_detail(error: grpc.RpcError, kind: type[Detail]) -> Detail | None:
    """The detail of that kind which came with the error's google.rpc.Status, or else None."""
    status = rpc_status.from_call(error)
    found = kind()
    for detail in status.details if status is not None else ():
        if detail.Unpack(found):
            return found
    return None


# gRPC would follow http_proxy, which then sees what travels in plain text.
CHANNEL_OPTIONS = [("grpc.enable_http_proxy", 0)]


def open_channel(flags: argparse.Namespace) -> grpc.Channel:
    if flags.tls_ca is None:
        return grpc.insecure_channel(flags.address, options=CHANNEL_OPTIONS)
    credentials = grpc.ssl_channel_credentials(flags.tls_ca, flags.tls_key, flags.tls_cert)
    return grpc.secure_channel(flags.address, credentials, options=CHANNEL_OPTIONS)


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Store, retrieve, compare and delete one record.")
    parser.add_argument("--address", default="127.0.0.1:7777", help="front end to call (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=10, help="seconds a call may take (default: %(default)s)")
    parser.add_argument("--tls-ca", type=contents, metavar="FILE", help="authority of the server; turns TLS on")
    parser.add_argument("--tls-cert", type=contents, metavar="FILE", help="certificate of this client")
    parser.add_argument("--tls-key", type=contents, metavar="FILE", help="private key of that certificate")
    flags = parser.parse_args()
    if (flags.tls_cert is None) != (flags.tls_key is None) or (flags.tls_cert is not None and flags.tls_ca is None):
        parser.error("--tls-cert and --tls-key go together, and need --tls-ca")
    return flags


def contents(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
