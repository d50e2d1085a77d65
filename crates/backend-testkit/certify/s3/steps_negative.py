"""What is refused: steps that end in the right exception, of the right type, and in nothing done."""

import base64
import datetime
import hashlib
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from steps_positive import PART, data, sums, upload

STEPS = {}


def step(call):
    STEPS[call.__name__] = call
    return call


class Signer(S3SigV4Auth):
    """Signs what boto3 would not."""

    def __init__(self, server, sha256=None, off=datetime.timedelta()):
        super().__init__(Credentials(server.access_key, server.secret_key), "s3", server.region)
        self.sha256 = sha256
        self.off = off

    def payload(self, request):
        return self.sha256 or super().payload(request)

    def _modify_request_before_signing(self, request):
        then = datetime.datetime.now(datetime.timezone.utc) + self.off
        request.context["timestamp"] = then.strftime("%Y%m%dT%H%M%SZ")
        super()._modify_request_before_signing(request)


def raw(it, name, body, headers=None, **signing):
    """A PUT of our own; answers status and code."""
    url = f"{it.server.endpoint}/{it.bucket}/{it.key(name)}"
    request = AWSRequest(method="PUT", url=url, data=body, headers=headers or {})
    Signer(it.server, **signing).add_auth(request)
    sent = request.prepare()
    try:
        answer = urllib.request.urlopen(urllib.request.Request(sent.url, data=sent.body, headers=dict(sent.headers.items()), method="PUT"))
        return answer.status, ""
    except urllib.error.HTTPError as err:
        return err.code, ElementTree.fromstring(err.read()).findtext("Code")


def absent(it, name="it"):
    it.fails(lambda: it.s3.head_object(**it.at(name)), 404, "404")


@step
def signer_is_right(it):
    assert raw(it, "it", b"body") == (200, "")
    assert it.s3.get_object(**it.at())["Body"].read() == b"body"


@step
def secret_is_wrong(it):
    s3 = it.server.client(aws_secret_access_key="wrong")
    it.fails(lambda: s3.put_object(**it.at(), Body=b"x"), 403, "SignatureDoesNotMatch")
    it.fails(lambda: s3.head_object(**it.at()), 403, "403")
    absent(it)


@step
def access_key_is_unknown(it):
    s3 = it.server.client(aws_access_key_id="AKIAOTHER")
    it.fails(lambda: s3.put_object(**it.at(), Body=b"x"), 403, "InvalidAccessKeyId")
    absent(it)


@step
def nobody_signed(it):
    from botocore import UNSIGNED
    s3 = it.server.client(config=Config(signature_version=UNSIGNED))
    it.fails(lambda: s3.put_object(**it.at(), Body=b"x"), 403, "AccessDenied")
    absent(it)


@step
def payload_is_not_what_was_signed(it):
    other = hashlib.sha256(b"other").hexdigest()
    assert raw(it, "it", b"body", sha256=other) == (400, "XAmzContentSHA256Mismatch")
    absent(it)


@step
def clock_is_wrong(it):
    for off in [datetime.timedelta(minutes=-20), datetime.timedelta(minutes=20)]:
        assert raw(it, "it", b"body", off=off) == (403, "RequestTimeTooSkewed")
    absent(it)


@step
def region_is_wrong(it):
    # boto3 is told the right one, and asks again by itself.
    s3 = it.server.client(region_name="eu-west-1")
    s3.put_object(**it.at(), Body=b"x")
    assert s3.get_object(**it.at())["Body"].read() == b"x"
    name = f"{it.server.endpoint}/{it.bucket}/{it.key()}"
    request = AWSRequest(method="GET", url=name)
    signer = Signer(it.server)
    signer._region_name = "eu-west-1"
    signer.add_auth(request)
    try:
        urllib.request.urlopen(urllib.request.Request(name, headers=dict(request.headers.items())))
        raise AssertionError("another region was taken")
    except urllib.error.HTTPError as err:
        assert err.code == 400 and ElementTree.fromstring(err.read()).findtext("Region") == it.server.region


@step
def checksum_is_wrong(it):
    for kind, value in sums(b"other").items():
        it.fails(lambda: it.s3.put_object(**it.at(kind), Body=b"body", **{f"Checksum{kind}": value}), 400, "BadDigest")
        absent(it, kind)


@step
def checksum_in_trailer_is_wrong(it):
    # One chunk without a signature, and a trailer that lies.
    body = b"4\r\nbody\r\n0\r\nx-amz-checksum-crc32:" + sums(b"other")["CRC32"].encode() + b"\r\n\r\n"
    headers = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": "4", "x-amz-trailer": "x-amz-checksum-crc32"}
    assert raw(it, "it", body, headers, sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER") == (400, "BadDigest")
    absent(it)
    good = body.replace(sums(b"other")["CRC32"].encode(), sums(b"body")["CRC32"].encode())
    assert raw(it, "it", good, headers, sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER") == (200, "")
    got = it.s3.get_object(**it.at(), ChecksumMode="ENABLED")
    assert got["Body"].read() == b"body" and got["ChecksumCRC32"] == sums(b"body")["CRC32"] and "ContentEncoding" not in got, got


@step
def md5_is_wrong(it):
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    it.fails(lambda: it.s3.put_object(**it.at(), Body=b"body", ContentMD5=wrong), 400, "BadDigest")
    it.fails(lambda: it.s3.put_object(**it.at(), Body=b"body", ContentMD5="bm9uZQ=="), 400, "InvalidDigest")
    absent(it)


@step
def part_checksum_is_wrong(it):
    named = it.at()
    named["UploadId"] = it.s3.create_multipart_upload(**named, ChecksumAlgorithm="SHA256")["UploadId"]
    it.fails(lambda: it.s3.upload_part(**named, PartNumber=1, Body=b"body", ChecksumSHA256=sums(b"other")["SHA256"]), 400, "BadDigest")
    assert "Parts" not in it.s3.list_parts(**named)
    it.s3.abort_multipart_upload(**named)


@step
def whole_checksum_is_wrong(it):
    named, parts = upload(it, "it", [b"body"], ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT")
    wrong = sums(b"other")["CRC64NVME"]
    it.fails(lambda: it.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts}, ChecksumCRC64NVME=wrong,
                                                     ChecksumType="FULL_OBJECT"), 400, "BadDigest")
    absent(it)
    it.s3.abort_multipart_upload(**named)


@step
def part_checksums_are_left_out(it):
    named, parts = upload(it, "it", [b"body"], ChecksumAlgorithm="SHA256")
    bare = [{"PartNumber": 1, "ETag": parts[0]["ETag"]}]
    it.fails(lambda: it.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": bare}), 400, "InvalidRequest")
    it.s3.abort_multipart_upload(**named)


@step
def size_of_the_whole_is_wrong(it):
    named, parts = upload(it, "it", [b"body"])
    it.fails(lambda: it.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts}, MpuObjectSize=5), 400, "InvalidRequest")
    absent(it)
    it.s3.abort_multipart_upload(**named)


@step
def parts_are_wrong(it):
    named, parts = upload(it, "it", [data(PART), b"end"])
    complete = lambda parts: it.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    it.fails(lambda: complete([parts[0], {"PartNumber": 3, "ETag": parts[1]["ETag"]}]), 400, "InvalidPart")
    it.fails(lambda: complete([parts[0], {"PartNumber": 2, "ETag": parts[0]["ETag"]}]), 400, "InvalidPart")
    it.fails(lambda: complete([parts[1], parts[0]]), 400, "InvalidPartOrder")
    absent(it)
    complete(parts)


@step
def no_parts(it):
    named, _ = upload(it, "it", [b"x"])
    it.fails(lambda: it.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": []}), 400, "MalformedXML", "InvalidRequest")
    absent(it)
    it.s3.abort_multipart_upload(**named)


@step
def part_is_too_small(it):
    named, parts = upload(it, "it", [b"small", b"end"])
    it.fails(lambda: it.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts}), 400, "EntityTooSmall")
    absent(it)
    it.s3.abort_multipart_upload(**named)


@step
def upload_is_unknown(it):
    named = {**it.at(), "UploadId": "unknown"}
    it.fails(lambda: it.s3.upload_part(**named, PartNumber=1, Body=b"x"), 404, "NoSuchUpload")
    it.fails(lambda: it.s3.abort_multipart_upload(**named), 404, "NoSuchUpload", of=it.s3.exceptions.NoSuchUpload)
    it.fails(lambda: it.s3.list_parts(**named), 404, "NoSuchUpload")


@step
def upload_is_of_another_key(it):
    named, parts = upload(it, "it", [b"x"])
    other = {**it.at("other"), "UploadId": named["UploadId"]}
    it.fails(lambda: it.s3.complete_multipart_upload(**other, MultipartUpload={"Parts": parts}), 404, "NoSuchUpload")
    it.s3.abort_multipart_upload(**named)


@step
def key_is_absent(it):
    it.fails(lambda: it.s3.get_object(**it.at()), 404, "NoSuchKey", of=it.s3.exceptions.NoSuchKey)
    absent(it)
    it.fails(lambda: it.s3.get_object_tagging(**it.at()), 404, "NoSuchKey")
    it.fails(lambda: it.s3.copy_object(**it.at("b"), CopySource=it.at()), 404, "NoSuchKey")


@step
def bucket_is_absent(it):
    gone = {"Bucket": "no-such-bucket"}
    it.fails(lambda: it.s3.list_objects_v2(**gone), 404, "NoSuchBucket", of=it.s3.exceptions.NoSuchBucket)
    it.fails(lambda: it.s3.put_object(**gone, Key="k", Body=b"x"), 404, "NoSuchBucket")
    it.fails(lambda: it.s3.get_object(**gone, Key="k"), 404, "NoSuchBucket")
    it.fails(lambda: it.s3.head_bucket(**gone), 404, "404")


@step
def range_is_behind_the_end(it):
    it.s3.put_object(**it.at(), Body=b"four")
    err = it.fails(lambda: it.s3.get_object(**it.at(), Range="bytes=4-"), 416, "InvalidRange")
    assert err.response["ResponseMetadata"]["HTTPHeaders"]["content-range"] == "bytes */4", err.response
    it.s3.put_object(**it.at("empty"), Body=b"")
    it.fails(lambda: it.s3.get_object(**it.at("empty"), Range="bytes=0-0"), 416, "InvalidRange")


@step
def tags_are_wrong(it):
    it.s3.put_object(**it.at(), Body=b"x")
    many = [{"Key": str(number), "Value": ""} for number in range(11)]
    it.fails(lambda: it.s3.put_object_tagging(**it.at(), Tagging={"TagSet": many}), 400, "BadRequest")
    twice = [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]
    it.fails(lambda: it.s3.put_object_tagging(**it.at(), Tagging={"TagSet": twice}), 400, "InvalidTag")
    it.fails(lambda: it.s3.put_object(**it.at("odd"), Body=b"x", Tagging="a=e%26f"), 400, "InvalidTag")
    assert it.s3.get_object_tagging(**it.at())["TagSet"] == []


@step
def too_long(it):
    it.fails(lambda: it.s3.put_object(**it.at("x" * 1100), Body=b"x"), 400, "KeyTooLongError")
    it.fails(lambda: it.s3.put_object(**it.at(), Body=b"x", Metadata={"k": "v" * 2100}), 400, "MetadataTooLarge")
    absent(it)


@step
def copy_onto_itself(it):
    it.s3.put_object(**it.at(), Body=b"x")
    it.fails(lambda: it.s3.copy_object(**it.at(), CopySource=it.at()), 400, "InvalidRequest")


@step
def archived(it):
    it.s3.put_object(**it.at(), Body=b"x", StorageClass="GLACIER")
    it.fails(lambda: it.s3.get_object(**it.at()), 403, "InvalidObjectState", of=it.s3.exceptions.InvalidObjectState)
    assert it.s3.head_object(**it.at())["StorageClass"] == "GLACIER"


@step
def bucket_is_there(it):
    it.s3.create_bucket(Bucket="there-already")
    try:
        # Where the first region is meant, AWS says that all is well.
        it.s3.create_bucket(Bucket="there-already")
    except it.s3.exceptions.BucketAlreadyOwnedByYou:
        pass
    it.s3.put_object(Bucket="there-already", Key="k", Body=b"x")
    it.fails(lambda: it.s3.delete_bucket(Bucket="there-already"), 409, "BucketNotEmpty")
    it.s3.delete_object(Bucket="there-already", Key="k")
    it.s3.delete_bucket(Bucket="there-already")
    it.fails(lambda: it.s3.head_bucket(Bucket="there-already"), 404, "404")


@step
def token_is_invented(it):
    it.fails(lambda: it.s3.list_objects_v2(Bucket=it.bucket, ContinuationToken="invented"), 400, "InvalidArgument")


@step
def url_is_expired_or_changed(it):
    s3 = it.server.client(config=Config(signature_version="s3v4"))
    it.s3.put_object(**it.at(), Body=b"x")
    url = s3.generate_presigned_url("get_object", Params=it.at(), ExpiresIn=60)
    for changed in [url.replace("Expires=60", "Expires=61"), url.replace("/it?", "/other?")]:
        try:
            urllib.request.urlopen(changed)
            raise AssertionError("a changed address was taken")
        except urllib.error.HTTPError as err:
            assert (err.code, ElementTree.fromstring(err.read()).findtext("Code")) == (403, "SignatureDoesNotMatch")
