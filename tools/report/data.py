# SPDX-License-Identifier: BSD-2-Clause
"""What other goals of make have measured: CSV and JSON files in one directory."""

import csv
import glob
import json
import os
import re

from . import Trouble


class Data:
    """The directory. What is not there is None, or an empty list."""

    def __init__(self, directory):
        self.directory = directory

    def path(self, name):
        return os.path.join(self.directory, name)

    def names(self, pattern):
        """Files that match, the numbers in their names in order: census-7.csv, census-10.csv."""
        found = map(os.path.basename, glob.glob(self.path(pattern)))
        return sorted(found, key=lambda name: [int(part) if part.isdigit() else part
                                               for part in re.split(r"(\d+)", name)])

    def rows(self, name, *columns):
        """The rows of a CSV file as dicts; it must have these columns, and may have more."""
        try:
            with open(self.path(name), newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file, strict=True)
                rows = list(reader)
                names = reader.fieldnames or []
        except FileNotFoundError:
            return []
        except (csv.Error, UnicodeDecodeError) as error:
            raise Trouble("%s is no CSV file: %s" % (name, error)) from error
        lacks = [column for column in columns if column not in names]
        if lacks:
            raise Trouble("%s has no column %s: it has %s"
                          % (name, ", ".join(lacks), ", ".join(names)))
        for number, row in enumerate(rows, 2):
            if None in row or None in row.values():
                raise Trouble("row %d of %s has not as many fields as its header"
                              % (number, name))
        return rows

    def json(self, name):
        try:
            with open(self.path(name), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise Trouble("%s is no JSON: %s" % (name, error)) from error

    def text(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()
