"""What each peer does with a file, in the way its own documentation shows. Run by `cargo xtask bench`."""
import sys


def polars(source, target, path, out):
    import polars as pl

    frame = {"csv": pl.scan_csv, "parquet": pl.scan_parquet}[source](path)
    sink = {"parquet": "sink_parquet", "csv": "sink_csv", "ndjson": "sink_ndjson", "feather": "sink_ipc"}[target]
    getattr(frame, sink)(out)


def pyarrow(source, target, path, out):
    import pyarrow as pa
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    if source == "parquet":
        reader = pq.ParquetFile(path)
        schema, batches = reader.schema_arrow, reader.iter_batches()
    else:
        reader = csv.open_csv(path)
        schema, batches = reader.schema, reader
    if target == "parquet":
        with pq.ParquetWriter(out, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
    elif target == "csv":
        with csv.CSVWriter(out, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
    else:
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.ipc.new_file(out, schema, options=options) as writer:
            for batch in batches:
                writer.write_batch(batch)


def pandas(source, target, path, out):
    import pandas as pd

    frame = pd.read_csv(path) if source == "csv" else pd.read_parquet(path)
    if target == "parquet":
        frame.to_parquet(out, index=False)
    elif target == "csv":
        frame.to_csv(out, index=False)
    elif target == "ndjson":
        frame.to_json(out, orient="records", lines=True)
    else:
        frame.to_feather(out)


def openpyxl_read(path):
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True)
    rows = sum(1 for _ in book.active.iter_rows(values_only=True))
    print(rows)


def openpyxl_write(path, out):
    import csv
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    with open(path, newline="") as lines:
        for row in csv.reader(lines):
            sheet.append(row)
    book.save(out)


def calamine_read(path):
    import pandas as pd

    print(len(pd.read_excel(path, engine="calamine")))


# A code with leading zeros, a whole number in a column with gaps, and a number of 16 digits.
COMPARED = ["code", "volume", "measured"]


def first(source, path):
    """What the first row holds as text, whatever types the writer gave it."""
    import pyarrow as pa

    if source == "parquet":
        import pyarrow.parquet as pq

        row = next(pq.ParquetFile(path).iter_batches(batch_size=1, columns=COMPARED)).to_pylist()[0]
    elif source == "feather":
        with pa.ipc.open_file(path) as reader:
            row = reader.get_batch(0).slice(0, 1).to_pylist()[0]
    elif source == "ndjson":
        import json

        with open(path) as lines:
            row = json.loads(next(lines))
    else:
        import csv

        with open(path, newline="") as lines:
            row = next(csv.DictReader(lines))
    for column in COMPARED:
        print(row[column])


if __name__ == "__main__":
    task, *rest = sys.argv[1:]
    {
        "polars": polars,
        "pyarrow": pyarrow,
        "pandas": pandas,
        "openpyxl_read": openpyxl_read,
        "openpyxl_write": openpyxl_write,
        "calamine_read": calamine_read,
        "first": first,
    }[task](*rest)
