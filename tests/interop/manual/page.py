"""The shell blocks of docs/operations.md, made fit for a folder that stands for the root of a machine.

What a test cannot do, or must not do to the machine that runs it, is in the two tables here, with what stands for it.
Everything else runs as the page has it.
"""

from __future__ import annotations

import re

from tests.servers import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

_SYSTEMCTL = f'PYTHONPATH={ROOT} python -P -m tests.interop.manual.systemctl "$MACHINE"'

IN_BLOCKS = (
    # packages and users need root
    (r"^apt-get .*$", ":"),
    (r"^useradd .*$", ":"),
    (r"install -o \S+ -g refund-api ", "install "),
    # the administrator of the database is whoever runs it, on a socket in a folder
    (r"runuser -u postgres -- ", ""),
    (r"@127\.0\.0\.1/refunds", "@/refunds?host=$PGHOST"),
    # systemd: what starts and stops programs as the installed units say
    (r"\bsystemctl ", f"{_SYSTEMCTL} "),
    (r"^nginx -t$", 'nginx -t -q -c "$MACHINE/etc/nginx/nginx.conf" -e "$MACHINE/var/log/nginx/error.log"'),
    (r"^journalctl .*$", ":"),
    # the second release is a copy of the first, which pip has made
    (r"^python3 -m venv \S*/2$", "cp -a /opt/refund-api/1 /opt/refund-api/2"),
    (r"^\S*/2/bin/pip .*$", ":"),
    # an address of loopback that nobody else uses, and a certificate for localhost
    (r"127\.0\.0\.1:800", "$ADDRESS:800"),
    (
        r"https://refunds\.your-shop\.example",
        '--cacert "$MACHINE/authority.pem" --connect-to "::$ADDRESS:8443" https://localhost:8443',
    ),
    # the root of the machine
    (r"(?<![\w$}./])/(etc|opt|usr/local|var)/", r"$MACHINE/\1/"),
    (r"^refund-api ", "$MACHINE/usr/local/sbin/refund-api "),
)
"""In a block of the page: a pattern, for each line, and what stands for it."""

IN_FILES = (
    (r"127\.0\.0\.1:800", "{address}:800"),
    (r"^listen 443 ", "listen {address}:8443 "),
    (r"^listen \[::\]:443 .*$", ""),
    (r"(?<![\w./-])/(etc|opt|var)/", r"{machine}/\1/"),
)
"""In the files of deploy/ that a block copies. `{machine}` is the folder, `{address}` the address of loopback."""


def section(title: str) -> str:
    """The text of a section, without its heading."""
    _, heading, rest = PAGE.partition(f"\n## {title}\n")
    assert heading, f"there is no section {title}"
    return rest.partition("\n## ")[0]


def blocks(title: str) -> list[str]:
    """The shell blocks of a section, as the page has them."""
    return re.findall(r"^```sh\n(.*?)^```$", section(title), re.MULTILINE | re.DOTALL)


def fitted(block: str) -> str:
    """The block for a shell with MACHINE, ADDRESS and PGHOST in its environment."""
    for pattern, replacement in IN_BLOCKS:
        block = re.sub(pattern, replacement, block, flags=re.MULTILINE)
    return block


def fitted_file(text: str, machine: str, address: str) -> str:
    """A file of deploy/ for a machine that is a folder."""
    for pattern, replacement in IN_FILES:
        text = re.sub(pattern, replacement.format(machine=machine, address=address), text, flags=re.MULTILINE)
    return text
