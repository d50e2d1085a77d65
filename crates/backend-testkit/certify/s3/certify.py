"""Holds an S3 server to what boto3, the client of AWS, expects of one.

    python certify.py --endpoint http://127.0.0.1:PORT --expected expected.json
    python certify.py --program target/debug/examples/fake_s3 --expected expected.json
    python certify.py --endpoint http://127.0.0.1:PORT --expected moto.json --make-bucket

Every step makes keys of its own. Printed is a JSON of the steps that passed and of those that failed, with the reason. The exit is 1 when a step of
the expected list did not pass, when that list names a step that there is not, or when a step passed that it does not name: the list only grows.
Needs boto3; moto is not needed by this program.
"""

import argparse
import json
import subprocess
import sys
import traceback
import warnings

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

sys.dont_write_bytecode = True  # nothing is left in the tree

import steps_negative
import steps_positive

warnings.simplefilter("ignore")


class Server:
    """The server, and ways to make clients of it."""

    def __init__(self, args, endpoint):
        self.endpoint = endpoint
        self.bucket = args.bucket
        self.region = args.region
        self.access_key = args.access_key
        self.secret_key = args.secret_key

    def client(self, **more):
        """A client without retries: what is not answered right at once is not right."""
        config = Config(retries={"max_attempts": 1, "mode": "standard"}, s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=30,
                        max_pool_connections=32).merge(more.pop("config", Config()))
        named = dict(endpoint_url=self.endpoint, region_name=self.region, aws_access_key_id=self.access_key,
                     aws_secret_access_key=self.secret_key, config=config)
        named.update(more)
        return boto3.session.Session().client("s3", **named)


class Step:
    """What a step is given: clients, and a prefix that nobody else uses."""

    def __init__(self, server, name):
        self.server = server
        self.s3 = server.client()
        self.bucket = server.bucket
        self.name = name

    def key(self, name="it"):
        return f"{self.name}/{name}"

    def at(self, name="it"):
        """The arguments that name an object."""
        return {"Bucket": self.bucket, "Key": self.key(name)}

    def fails(self, call, status, *codes, of=ClientError):
        """Holds that a call fails so, with this type of exception; answers the error."""
        try:
            answer = call()
        except of as err:
            found = (err.response["ResponseMetadata"]["HTTPStatusCode"], err.response["Error"]["Code"])
            assert found[0] == status and found[1] in codes, f"failed with {found}, not {status} {codes}"
            return err
        raise AssertionError(f"succeeded instead of failing with {codes}: {answer}")


def run(server, only):
    passed, failed = [], {}
    for name, step in sorted({**steps_positive.STEPS, **steps_negative.STEPS}.items()):
        if only and name not in only:
            continue
        try:
            step(Step(server, name))
            passed.append(name)
        except Exception as err:  # a step fails in any way
            where = traceback.extract_tb(err.__traceback__)[-1]
            failed[name] = f"{type(err).__name__}: {err} (line {where.lineno})"[:400]
    return passed, failed


def judge(expected, passed, failed, only):
    """What is wrong with the outcome, by the list."""
    names = set(json.load(open(expected)))
    if only:
        names &= set(only)
    known = set(passed) | set(failed)
    wrong = [f"expected, and failed: {name}: {failed[name]}" for name in sorted(names & set(failed))]
    wrong += [f"expected, and there is no such step: {name}" for name in sorted(names - known)]
    wrong += [f"passed, and is not in the list: {name}" for name in sorted(set(passed) - names)]
    return wrong


def arguments():
    parser = argparse.ArgumentParser()
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--endpoint")
    where.add_argument("--program", help="starts this; it prints its port and stops when its input closes")
    parser.add_argument("--expected")
    parser.add_argument("--make-bucket", action="store_true")
    parser.add_argument("--bucket", default="bucket")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--access-key", default="AKIAFAKE")
    parser.add_argument("--secret-key", default="canary-5f0c7e-secret")
    parser.add_argument("--only", nargs="*")
    return parser.parse_args()


def main():
    args = arguments()
    child = None
    endpoint = args.endpoint
    if args.program:
        child = subprocess.Popen([args.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        endpoint = f"http://127.0.0.1:{int(child.stdout.readline())}"
    try:
        server = Server(args, endpoint)
        if args.make_bucket:
            server.client().create_bucket(Bucket=args.bucket)
        passed, failed = run(server, args.only)
    finally:
        if child:
            child.stdin.close()
            child.wait(timeout=10)
    json.dump({"passed": passed, "failed": failed}, sys.stdout, indent=1)
    print()
    wrong = judge(args.expected, passed, failed, args.only) if args.expected else []
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
