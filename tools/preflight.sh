#!/bin/sh
# Say what this machine lacks to build and run the project, and the one command that installs it.
#
#     tools/preflight.sh [PYTHON]
#
# Silent and 0 if nothing is missing. POSIX sh, because Python may be among what is missing.

python=${1:-python3}
minimum='3.11'
missing=''  # what, for the reader; one item a line
packages='' # what, for apt-get

lacks() { # WHAT PACKAGE...
    missing="$missing  - $1
"
    shift
    for package in "$@"; do
        case " $packages " in
        *" $package "*) ;;
        *) packages="$packages $package" ;;
        esac
    done
}

# The Debian names belong to a version if PYTHON does: python3.12-venv for python3.12, python3-venv for python3.
debian=${python##*/}
case $debian in
python3 | python3.[0-9] | python3.[0-9][0-9]) ;;
*) debian=python3 ;;
esac

newer=''
if ! command -v "$python" >/dev/null 2>&1; then
    lacks "Python $minimum or newer ($python was not found)" "$debian" "$debian-venv" "$debian-dev"
elif ! "$python" -c "import sys; sys.exit(sys.version_info < (3, 11))"; then
    found=$("$python" -c 'import platform; print(platform.python_version())' 2>/dev/null)
    # Another Python may be there already, under its full name.
    for candidate in python3.13 python3.12 python3.11; do
        command -v "$candidate" >/dev/null 2>&1 && newer=$candidate && break
    done
    debian=${newer:-python3.11}
    lacks "Python $minimum or newer ($python is ${found:-older})" "$debian" "$debian-venv" "$debian-dev"
    newer=$debian
else
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        lacks "the modules venv and ensurepip of $python" "$debian-venv"
    header=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
    [ -f "$header" ] || lacks "the header Python.h of $python ($header)" "$debian-dev"
fi
if [ -n "$CXX" ]; then
    command -v "${CXX%% *}" >/dev/null 2>&1 || lacks "the C++ compiler that the variable CXX names ($CXX)" g++
else
    command -v g++ >/dev/null 2>&1 || lacks 'the C++ compiler g++' g++
fi
command -v make >/dev/null 2>&1 || lacks 'make' make

[ -z "$missing" ] && exit 0

sudo=''
[ "$(id -u 2>/dev/null)" = 0 ] || sudo='sudo '
{
    echo 'Missing on this machine:'
    printf '%s' "$missing"
    echo 'On Debian and Ubuntu this installs it:'
    echo
    echo "    ${sudo}apt-get install$packages"
    echo
    [ -z "$newer" ] || echo "and then:  make PYTHON=$newer ..."
} >&2
exit 1
