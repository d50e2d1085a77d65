"""What works: steps that end in the right bytes and the right words."""

import base64
import hashlib
import io
import threading
import urllib.request
import zlib

from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

PART = 5 << 20
STEPS = {}


def step(call):
    STEPS[call.__name__] = call
    return call


def data(size, seed=1):
    """Bytes that do not repeat within a part."""
    block = hashlib.sha256(bytes([seed])).digest()
    out = bytearray()
    while len(out) < size:
        block = hashlib.sha256(block).digest()
        out += block * 64
    return bytes(out[:size])


def reflected_crc(body, width, poly):
    """A CRC of the reflected kind, all ones before and after, as S3 has them."""
    mask = (1 << width) - 1
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (poly if byte & 1 else 0)
        table.append(byte)
    crc = mask
    for byte in body:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return base64.b64encode((crc ^ mask).to_bytes(width // 8, "big")).decode()


def sums(body):
    b64 = lambda raw: base64.b64encode(raw).decode()
    return {
        "CRC32": b64(zlib.crc32(body).to_bytes(4, "big")),
        "CRC32C": reflected_crc(body, 32, 0x82F63B78),
        "CRC64NVME": reflected_crc(body, 64, 0x9A6C9329AC4BC9B5),
        "SHA1": b64(hashlib.sha1(body).digest()),
        "SHA256": b64(hashlib.sha256(body).digest()),
    }


@step
def sizes_round_trip(it):
    for size in [0, 1, (256 << 10) - 1, (256 << 10) + 1, PART - 1, PART + 1, (8 << 20) + 77]:
        body = data(size)
        etag = it.s3.put_object(**it.at(str(size)), Body=body)["ETag"]
        assert etag == f'"{hashlib.md5(body).hexdigest()}"', etag
        got = it.s3.get_object(**it.at(str(size)))
        assert got["ContentLength"] == size and got["Body"].read() == body, size


@step
def streamed_with_trailer(it):
    # Over http boto3 signs the body; a stream that cannot be sought is sent in chunks with a trailer.
    body = data(PART)
    it.s3.upload_fileobj(io.BytesIO(body), it.bucket, it.key(), Config=TransferConfig(multipart_threshold=PART + 1))
    got = it.s3.get_object(**it.at(), ChecksumMode="ENABLED")
    assert got["Body"].read() == body and got["ChecksumCRC32"] == sums(body)["CRC32"], got


@step
def transfer_in_parts(it):
    body = data(2 * PART + 77)
    config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=3)
    it.s3.upload_fileobj(io.BytesIO(body), it.bucket, it.key(), Config=config)
    out = io.BytesIO()
    it.s3.download_fileobj(it.bucket, it.key(), out, Config=config)
    assert out.getvalue() == body
    assert it.s3.head_object(**it.at())["ETag"].endswith('-3"')


@step
def transfer_without_checksums(it):
    config = Config(request_checksum_calculation="when_required", response_checksum_validation="when_required")
    s3 = it.server.client(config=config)
    body = data(2 * PART + 1)
    s3.upload_fileobj(io.BytesIO(body), it.bucket, it.key(), Config=TransferConfig(multipart_threshold=PART, multipart_chunksize=PART))
    assert s3.get_object(**it.at())["Body"].read() == body


@step
def attributes_are_kept(it):
    it.s3.put_object(**it.at(), Body=b"x", Metadata={"name": "value", "odd": "a=b; c"}, ContentType="text/x-odd", CacheControl="no-store",
                     ContentDisposition="inline", ContentEncoding="gzip", ContentLanguage="de", StorageClass="STANDARD_IA")
    for got in [it.s3.head_object(**it.at()), it.s3.get_object(**it.at())]:
        assert got["Metadata"] == {"name": "value", "odd": "a=b; c"} and got["ContentType"] == "text/x-odd", got
        assert got["StorageClass"] == "STANDARD_IA" and got["CacheControl"] == "no-store" and got["ContentEncoding"] == "gzip", got
    it.s3.put_object(**it.at("plain"), Body=b"x")
    plain = it.s3.head_object(**it.at("plain"))
    assert plain["ContentType"] == "binary/octet-stream" and "StorageClass" not in plain, plain


@step
def ranges(it):
    body = data(1000)
    it.s3.put_object(**it.at(), Body=body)
    for asked, start, end in [("0-0", 0, 1), ("0-", 0, 1000), ("10-19", 10, 20), ("999-", 999, 1000), ("990-5000", 990, 1000), ("-5", 995, 1000),
                              ("-5000", 0, 1000)]:
        got = it.s3.get_object(**it.at(), Range=f"bytes={asked}")
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206, asked
        assert got["ContentRange"] == f"bytes {start}-{end - 1}/1000" and got["Body"].read() == body[start:end], asked


@step
def conditional_get(it):
    etag = it.s3.put_object(**it.at(), Body=b"x")["ETag"]
    assert it.s3.get_object(**it.at(), IfMatch=etag)["Body"].read() == b"x"
    assert it.s3.get_object(**it.at(), IfNoneMatch='"other"')["Body"].read() == b"x"
    it.fails(lambda: it.s3.get_object(**it.at(), IfNoneMatch=etag), 304, "304")
    it.fails(lambda: it.s3.head_object(**it.at(), IfNoneMatch=etag), 304, "304")
    it.fails(lambda: it.s3.get_object(**it.at(), IfMatch='"other"'), 412, "PreconditionFailed")
    it.fails(lambda: it.s3.head_object(**it.at(), IfMatch='"other"'), 412, "412")


@step
def checksums_of_each_kind(it):
    body = data(3000)
    for kind, value in sums(body).items():
        put = it.s3.put_object(**it.at(kind), Body=body, **{f"Checksum{kind}": value})
        assert put[f"Checksum{kind}"] == value and put["ChecksumType"] == "FULL_OBJECT", (kind, put)
        got = it.s3.head_object(**it.at(kind), ChecksumMode="ENABLED")
        assert got[f"Checksum{kind}"] == value, (kind, got)
        assert f"Checksum{kind}" not in it.s3.head_object(**it.at(kind)), kind


@step
def checksum_by_default(it):
    s3 = it.server.client(config=Config(request_checksum_calculation="when_required"))
    body = data(3000)
    put = s3.put_object(**it.at(), Body=body)
    assert put["ChecksumCRC64NVME"] == sums(body)["CRC64NVME"], put


def upload(it, name, bodies, **begin):
    """Begins an upload and sends its parts; answers the arguments of Complete."""
    named = it.at(name)
    kind = begin.get("ChecksumAlgorithm")
    named["UploadId"] = it.s3.create_multipart_upload(**named, **begin)["UploadId"]
    parts = []
    for number, body in enumerate(bodies, 1):
        told = {f"Checksum{kind}": sums(body)[kind]} if kind else {}
        part = it.s3.upload_part(**named, PartNumber=number, Body=body, **told)
        parts.append({"PartNumber": number, "ETag": part["ETag"], **told})
    return named, parts


@step
def multipart(it):
    bodies = [data(PART, 1), data(PART, 2), data(7, 3)]
    named, parts = upload(it, "it", bodies, Metadata={"a": "b"}, ContentType="text/x-odd")
    uploads = it.s3.list_multipart_uploads(Bucket=it.bucket, Prefix=it.name)["Uploads"]
    assert [(one["Key"], one["UploadId"]) for one in uploads] == [(named["Key"], named["UploadId"])], uploads
    page = it.s3.list_parts(**named, MaxParts=2)
    assert page["IsTruncated"] and [part["Size"] for part in page["Parts"]] == [PART, PART], page
    rest = it.s3.list_parts(**named, PartNumberMarker=page["NextPartNumberMarker"])
    assert not rest["IsTruncated"] and [part["ETag"] for part in rest["Parts"]] == [parts[2]["ETag"]], rest
    it.fails(lambda: it.s3.head_object(**it.at()), 404, "404")
    done = it.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    digest = hashlib.md5(b"".join(hashlib.md5(body).digest() for body in bodies)).hexdigest()
    assert done["ETag"] == f'"{digest}-3"', done
    got = it.s3.get_object(**it.at())
    assert got["Body"].read() == b"".join(bodies) and got["Metadata"] == {"a": "b"} and got["ContentType"] == "text/x-odd", got
    second = it.s3.get_object(**it.at(), PartNumber=2)
    assert second["Body"].read() == bodies[1] and second["PartsCount"] == 3, second
    it.fails(lambda: it.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts}), 404, "NoSuchUpload")


@step
def multipart_part_sent_again(it):
    named, parts = upload(it, "it", [data(PART, 1), b"old"])
    again = it.s3.upload_part(**named, PartNumber=2, Body=b"new")
    parts[1]["ETag"] = again["ETag"]
    it.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    assert it.s3.get_object(**it.at())["Body"].read() == data(PART, 1) + b"new"


@step
def multipart_checksums_composite(it):
    bodies = [data(PART, 1), data(7, 2)]
    named, parts = upload(it, "it", bodies, ChecksumAlgorithm="SHA256")
    assert it.s3.list_parts(**named)["Parts"][0]["ChecksumSHA256"] == sums(bodies[0])["SHA256"]
    done = it.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    raw = b"".join(hashlib.sha256(body).digest() for body in bodies)
    assert done["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(raw).digest()).decode() + "-2", done
    assert it.s3.head_object(**it.at(), ChecksumMode="ENABLED")["ChecksumType"] == "COMPOSITE"


@step
def multipart_checksums_of_the_whole(it):
    bodies = [data(PART, 1), data(7, 2)]
    for kind in ["CRC32", "CRC64NVME"]:
        named, parts = upload(it, kind, bodies, ChecksumAlgorithm=kind, ChecksumType="FULL_OBJECT")
        value = sums(b"".join(bodies))[kind]
        done = it.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts}, ChecksumType="FULL_OBJECT", **{f"Checksum{kind}": value})
        assert done[f"Checksum{kind}"] == value and done["ChecksumType"] == "FULL_OBJECT", done


@step
def multipart_aborted(it):
    named, _ = upload(it, "it", [data(10)])
    it.s3.abort_multipart_upload(**named)
    assert "Uploads" not in it.s3.list_multipart_uploads(Bucket=it.bucket, Prefix=it.name)
    it.fails(lambda: it.s3.list_parts(**named), 404, "NoSuchUpload")


@step
def multipart_uploads_are_paged(it):
    begun = [(key, it.s3.create_multipart_upload(**it.at(key))["UploadId"]) for key in ["a", "a", "b", "c"]]
    found, marker = [], {}
    while True:
        page = it.s3.list_multipart_uploads(Bucket=it.bucket, Prefix=it.name, MaxUploads=1, **marker)
        found += [(one["Key"].split("/")[1], one["UploadId"]) for one in page["Uploads"]]
        if not page["IsTruncated"]:
            break
        marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    for key, upload_id in begun:
        it.s3.abort_multipart_upload(**it.at(key), UploadId=upload_id)
    assert sorted(found) == sorted(begun) and [key for key, _ in found] == ["a", "a", "b", "c"], found


ODD = ["a b", "a+b", "a%2Fb", "a//b", "a/", "ä", "a\u0308", "日本", "a'b", "a\\b", "a&b<c>", ".hidden", "..", "a?b=c", "a#b", "x" * 200]


@step
def odd_keys(it):
    for number, name in enumerate(ODD):
        it.s3.put_object(**it.at(name), Body=str(number).encode())
    for number, name in enumerate(ODD):
        assert it.s3.get_object(**it.at(name))["Body"].read() == str(number).encode(), name
    listed = [one["Key"] for one in it.s3.list_objects_v2(Bucket=it.bucket, Prefix=it.name + "/")["Contents"]]
    assert listed == sorted((it.key(name) for name in ODD), key=lambda key: key.encode()), listed


@step
def listing_in_pages(it):
    names = [f"{letter}/{number}" for letter in "abc" for number in range(3)] + ["a", "d"]
    for name in names:
        it.s3.put_object(**it.at(name), Body=b"x")
    want = sorted(it.key(name) for name in names)
    for size in [1, 2, 3, 1000]:
        pages = it.s3.get_paginator("list_objects_v2").paginate(Bucket=it.bucket, Prefix=it.name, PaginationConfig={"PageSize": size})
        assert [one["Key"] for page in pages for one in page.get("Contents", [])] == want, size
        pages = it.s3.get_paginator("list_objects").paginate(Bucket=it.bucket, Prefix=it.name, PaginationConfig={"PageSize": size})
        assert [one["Key"] for page in pages for one in page.get("Contents", [])] == want, size
        for operation in ["list_objects_v2", "list_objects"]:
            pages = list(it.s3.get_paginator(operation).paginate(Bucket=it.bucket, Prefix=it.name + "/", Delimiter="/",
                                                                 PaginationConfig={"PageSize": size}))
            folders = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])]
            keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
            assert folders == [it.key(name) for name in ["a/", "b/", "c/"]] and keys == [it.key("a"), it.key("d")], (size, folders, keys)
    behind = it.s3.list_objects_v2(Bucket=it.bucket, Prefix=it.name, StartAfter=it.key("c/1"))
    assert [one["Key"] for one in behind["Contents"]] == [it.key("c/2"), it.key("d")], behind
    assert it.s3.list_objects_v2(Bucket=it.bucket, Prefix=it.name + "/none")["KeyCount"] == 0


@step
def listing_tells(it):
    etag = it.s3.put_object(**it.at(), Body=b"four")["ETag"]
    entry = it.s3.list_objects_v2(Bucket=it.bucket, Prefix=it.name)["Contents"][0]
    assert (entry["Size"], entry["ETag"], entry["StorageClass"]) == (4, etag, "STANDARD"), entry
    assert abs((entry["LastModified"] - it.s3.head_object(**it.at())["LastModified"]).total_seconds()) <= 1


@step
def removal(it):
    it.s3.put_object(**it.at(), Body=b"x")
    assert it.s3.delete_object(**it.at())["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert it.s3.delete_object(**it.at())["ResponseMetadata"]["HTTPStatusCode"] == 204
    it.fails(lambda: it.s3.head_object(**it.at()), 404, "404")


@step
def removal_of_many(it):
    names = ["a", "b/c", "d e", "ä"]
    for name in names:
        it.s3.put_object(**it.at(name), Body=b"x")
    asked = [{"Key": it.key(name)} for name in [*names, "absent"]]
    done = it.s3.delete_objects(Bucket=it.bucket, Delete={"Objects": asked})
    assert sorted(one["Key"] for one in done["Deleted"]) == sorted(one["Key"] for one in asked) and "Errors" not in done, done
    assert "Deleted" not in it.s3.delete_objects(Bucket=it.bucket, Delete={"Objects": asked, "Quiet": True})
    assert it.s3.list_objects_v2(Bucket=it.bucket, Prefix=it.name)["KeyCount"] == 0


@step
def conditional_put(it):
    etag = it.s3.put_object(**it.at(), Body=b"one", IfNoneMatch="*")["ETag"]
    it.fails(lambda: it.s3.put_object(**it.at(), Body=b"two", IfNoneMatch="*"), 412, "PreconditionFailed")
    it.fails(lambda: it.s3.put_object(**it.at(), Body=b"two", IfMatch='"other"'), 412, "PreconditionFailed")
    assert it.s3.get_object(**it.at())["Body"].read() == b"one"
    it.s3.put_object(**it.at(), Body=b"two", IfMatch=etag)
    assert it.s3.get_object(**it.at())["Body"].read() == b"two"


@step
def conditional_put_over_nothing(it):
    it.fails(lambda: it.s3.put_object(**it.at(), Body=b"x", IfMatch='"other"'), 404, "NoSuchKey")
    it.fails(lambda: it.s3.head_object(**it.at()), 404, "404")


@step
def conditional_complete(it):
    named, parts = upload(it, "it", [b"many"])
    it.s3.put_object(**it.at(), Body=b"first")
    it.fails(lambda: it.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts}, IfNoneMatch="*"), 412, "PreconditionFailed")
    assert it.s3.get_object(**it.at())["Body"].read() == b"first"
    it.s3.delete_object(**it.at())
    it.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
    assert it.s3.get_object(**it.at())["Body"].read() == b"many"


@step
def conditional_delete(it):
    etag = it.s3.put_object(**it.at(), Body=b"x")["ETag"]
    it.fails(lambda: it.s3.delete_object(**it.at(), IfMatch='"other"'), 412, "PreconditionFailed")
    assert it.s3.get_object(**it.at())["Body"].read() == b"x"
    it.s3.delete_object(**it.at(), IfMatch=etag)
    it.fails(lambda: it.s3.head_object(**it.at()), 404, "404")


@step
def race_has_one_winner(it):
    for turn in range(10):
        outcomes, start = [], threading.Barrier(16)

        def write(number):
            start.wait()
            try:
                it.s3.put_object(**it.at(str(turn)), Body=f"{number}".encode() * 4096, IfNoneMatch="*")
                outcomes.append(number)
            except ClientError as err:
                assert err.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"), err

        threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 1, outcomes
        assert it.s3.get_object(**it.at(str(turn)))["Body"].read() == f"{outcomes[0]}".encode() * 4096


@step
def tags(it):
    it.s3.put_object(**it.at(), Body=b"x", Tagging="a=b&c+d=e%2Ff")
    told = lambda: {tag["Key"]: tag["Value"] for tag in it.s3.get_object_tagging(**it.at())["TagSet"]}
    assert told() == {"a": "b", "c d": "e/f"}, told()
    assert it.s3.get_object(**it.at())["TagCount"] == 2
    it.s3.put_object_tagging(**it.at(), Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    assert told() == {"k": "v"}, told()
    it.s3.delete_object_tagging(**it.at())
    assert told() == {}, told()


@step
def copies(it):
    it.s3.put_object(**it.at("a"), Body=b"body", Metadata={"k": "v"}, ContentType="text/x-odd", Tagging="t=u")
    done = it.s3.copy_object(**it.at("b ä"), CopySource=it.at("a"))
    assert done["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(b"body").hexdigest()}"', done
    got = it.s3.get_object(**it.at("b ä"))
    assert got["Body"].read() == b"body" and got["Metadata"] == {"k": "v"} and got["ContentType"] == "text/x-odd", got
    assert it.s3.get_object_tagging(**it.at("b ä"))["TagSet"] == [{"Key": "t", "Value": "u"}]
    it.s3.copy_object(**it.at("a"), CopySource=it.at("a"), MetadataDirective="REPLACE", Metadata={"n": "w"})
    assert it.s3.head_object(**it.at("a"))["Metadata"] == {"n": "w"}
    it.fails(lambda: it.s3.copy_object(**it.at("c"), CopySource=it.at("a"), CopySourceIfMatch='"other"'), 412, "PreconditionFailed")


@step
def copied_parts(it):
    body = data(2 * PART)
    it.s3.put_object(**it.at("a"), Body=body)
    named = it.at("b")
    named["UploadId"] = it.s3.create_multipart_upload(**named)["UploadId"]
    parts = []
    for number, asked in enumerate([f"bytes=0-{PART - 1}", f"bytes={PART}-{PART + 9}"], 1):
        part = it.s3.upload_part_copy(**named, PartNumber=number, CopySource=it.at("a"), CopySourceRange=asked)["CopyPartResult"]
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    it.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    assert it.s3.get_object(**it.at("b"))["Body"].read() == body[: PART + 10]


@step
def presigned(it):
    s3 = it.server.client(config=Config(signature_version="s3v4"))
    url = s3.generate_presigned_url("put_object", Params=it.at("a b"), ExpiresIn=60)
    assert urllib.request.urlopen(urllib.request.Request(url, data=b"body", method="PUT")).status == 200
    url = s3.generate_presigned_url("get_object", Params={**it.at("a b"), "ResponseContentType": "text/x-odd"}, ExpiresIn=60)
    answer = urllib.request.urlopen(url)
    assert answer.read() == b"body" and answer.headers["content-type"] == "text/x-odd"


@step
def encryption_is_told(it):
    assert it.s3.put_object(**it.at(), Body=b"x", ServerSideEncryption="AES256")["ServerSideEncryption"] == "AES256"
    assert it.s3.head_object(**it.at())["ServerSideEncryption"] == "AES256"


@step
def object_attributes(it):
    body = b"four"
    put = it.s3.put_object(**it.at(), Body=body, ChecksumSHA256=sums(body)["SHA256"])
    told = it.s3.get_object_attributes(**it.at(), ObjectAttributes=["ETag", "ObjectSize", "Checksum", "StorageClass"])
    assert (told["ETag"].strip('"'), told["ObjectSize"], told["StorageClass"]) == (put["ETag"].strip('"'), 4, "STANDARD"), told
    assert told["Checksum"]["ChecksumSHA256"] == sums(body)["SHA256"], told


@step
def bucket_is_told(it):
    assert it.s3.head_bucket(Bucket=it.bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert it.s3.get_bucket_location(Bucket=it.bucket).get("LocationConstraint") is None
    assert it.bucket in [one["Name"] for one in it.s3.list_buckets()["Buckets"]]


@step
def versions(it):
    bucket = "versions-bucket"
    it.s3.create_bucket(Bucket=bucket)
    assert "Status" not in it.s3.get_bucket_versioning(Bucket=bucket)
    it.s3.put_object(Bucket=bucket, Key="k", Body=b"zero")
    it.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert it.s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    ids = [it.s3.put_object(Bucket=bucket, Key="k", Body=body)["VersionId"] for body in [b"one", b"two"]]
    assert it.s3.get_object(Bucket=bucket, Key="k", VersionId=ids[0])["Body"].read() == b"one"
    assert it.s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"zero"
    gone = it.s3.delete_object(Bucket=bucket, Key="k")
    assert gone["DeleteMarker"] and gone["VersionId"] not in ids, gone
    err = it.fails(lambda: it.s3.get_object(Bucket=bucket, Key="k"), 404, "NoSuchKey", of=it.s3.exceptions.NoSuchKey)
    assert err.response["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
    err = it.fails(lambda: it.s3.head_object(Bucket=bucket, Key="k", VersionId=gone["VersionId"]), 405, "405")
    assert err.response["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
    assert it.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    listed, marks = [], []
    for page in it.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1}):
        listed += [one["VersionId"] for one in page.get("Versions", [])]
        marks += [(one["VersionId"], one["IsLatest"]) for one in page.get("DeleteMarkers", [])]
    assert listed == [ids[1], ids[0], "null"] and marks == [(gone["VersionId"], True)], (listed, marks)
    it.s3.put_object(Bucket=bucket, Key="k", Body=b"new", IfNoneMatch="*")
    it.s3.delete_object(Bucket=bucket, Key="k", VersionId=gone["VersionId"])
    assert it.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"
    it.fails(lambda: it.s3.get_object(Bucket=bucket, Key="k", VersionId=gone["VersionId"]), 404, "NoSuchVersion")
