"""g++ 12 evaluates a co_await inside ?:, && or || whatever the condition says: none may stand there."""

import re

import rooms

problems = []
files = rooms.sources(".cpp", ".hpp")
for path in files:
    for number, line in enumerate((rooms.ROOT / path).read_text().splitlines(), start=1):
        code = line.split("//")[0]
        if "co_await" in code and "operator co_await" not in code and re.search(r"(\?[^?]*|&&[^&]*|\|\|[^|]*)co_await|co_await[^;]*(&& |\|\| | \? )", code):
            problems.append(f"{path}:{number}: await into a variable first: {code.strip()}")
rooms.finish(problems, f"{len(files)} files await where g++ 12 can")
