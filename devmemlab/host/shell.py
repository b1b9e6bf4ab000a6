"""Command lines as an administrator types them: ``k.sh("ethtool -G eth1 tcp-data-split on")``.

Law.   A command does what the same method of the Linux face does, and answers in the words of the real tool; nothing is raised.
Reads. ethtool(8) 6.15 and ip-link(8) for options, output and exit status.
Omits. Pipes, redirection, loops: lines, ``&&``, ``;``, comments and ``sudo`` are all there is.
"""

import shlex
import string

from devmemlab.base.errno import ENODEV
from devmemlab.host.shell_ethtool import ethtool_command
from devmemlab.host.shell_ip import ip_command
from devmemlab.host.shell_words import Refused, Usage, reason
from devmemlab.host.shell_ynl import ynl_command

COMMANDS = {"ethtool": ethtool_command, "ip": ip_command, "ynl": ynl_command}
NOT_FOUND, NO_DEVICE = 127, "netlink error: no device matches name (offset 24)\nnetlink error: No such device\n"


class Result:
    """What commands answered; the fields are those of ``subprocess.CompletedProcess``.

    Attributes
    ----------
    args : str
        What was typed.
    stdout, stderr : str
        Output.
    returncode : int
        0 for success.
    error : OSError or None
        The refusal behind a failure, which says more than the tool does: which value, and what to do.
    """

    def __init__(self, args, stdout="", stderr="", returncode=0, error=None):
        self.args, self.stdout, self.stderr, self.returncode, self.error = args, stdout, stderr, returncode, error

    def __str__(self):
        return self.stdout + self.stderr

    def __repr__(self):
        hint = f"\n# {self.error}" if self.error else ""
        return f"$ {self.args}\n{self}{'' if self.returncode == 0 else f'(exit status {self.returncode})'}{hint}".rstrip()


def _one(host, words):
    """Run one command; returns stdout, stderr, exit status, error."""
    while words and words[0] == "sudo":
        words = words[1:]
    if not words:
        return "", "", 0, None
    command = COMMANDS.get(words[0].rpartition("/")[2])
    if command is None:
        return "", f"{words[0]}: command not found; there are {', '.join(sorted(COMMANDS))}\n", NOT_FOUND, None
    try:
        return command(host, words[1:]), "", 0, None
    except Usage as err:
        return err.stdout, f"{err}\n" if str(err) else "", err.code, None
    except Refused as err:
        return err.stdout, f"{err}\n", err.code, err.error
    except OSError as err:
        text = NO_DEVICE if err.errno == ENODEV else f"netlink error: {reason(err)}\n"
        return "", text, 1, err


def _commands(text):
    """Cut text into commands: (words, whether it needs the success of the one before)."""
    joined = text.replace("\\\n", " ")
    for line in joined.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="&;")
        lexer.whitespace_split = True
        words, needs = [], False
        for word in lexer:
            if word in ("&&", ";"):
                yield words, needs
                words, needs = [], word == "&&"
            else:
                words.append(word)
        yield words, needs


def run_shell(host, text, variables=None):
    """Run command lines.

    Parameters
    ----------
    host : Host
        Whose interfaces they are about.
    text : str
        One command or several: lines, ``;`` and ``&&``.
    variables : dict of str to object, optional
        Values of ``$NAME``.

    Returns
    -------
    result : Result
        Output of all of them; exit status of the last.
    """
    result = Result(text.strip())
    try:
        commands = list(_commands(string.Template(text).safe_substitute(variables or {})))
    except ValueError as err:
        return Result(text.strip(), "", f"sh: {err}\n", 2)
    for words, needs in commands:
        if needs and result.returncode or not words:
            continue
        out, complaint, result.returncode, error = _one(host, words)
        result.stdout += out
        result.stderr += complaint
        result.error = error or result.error
    return result
