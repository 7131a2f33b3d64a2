# Sourced by the other scripts: makes a virtual environment with kjax in it, once.
#
#   KJAX_VENV  folder of the environment (default: .venv in the project)
#   PYTHON     interpreter that a new environment is made with (default: the first suitable one on the PATH)

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${KJAX_VENV:-$project/.venv}
[[ $venv == /* ]] || venv=$PWD/$venv
python=$venv/bin/python
# "incomplete" from the creation of an environment until its first installation has ended; then one line for each
# installed extra: fingerprint, space, name.
state=$venv/kjax-installation

fail() {
    echo "${0##*/}: $*" >&2
    exit 2
}

# Whether an interpreter can run kjax; silent.
suitable() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' &>/dev/null
}

choose_python() {
    local candidate
    if [[ -n ${PYTHON:-} ]]; then
        if ! suitable "$PYTHON"; then
            "$PYTHON" --version >&2 || true  # its own words: the version, or why it does not start
            fail "PYTHON=$PYTHON does not start a Python of version 3.11 or newer"
        fi
        echo "$PYTHON"
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11 python; do
        if suitable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "found no Python of version 3.11 or newer on the PATH; install one, or name it: PYTHON=/path/to/python3"
}

version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'
}

# What an installation depends on: the requirements, where the project lies, the interpreter.
fingerprint() {
    "$python" - "$project" <<'PY'
import hashlib, pathlib, sys
requirements = pathlib.Path(sys.argv[1], "pyproject.toml").read_bytes()
print(hashlib.sha256(b"\0".join([requirements, sys.argv[1].encode(), sys.version.encode()])).hexdigest())
PY
}

# Checks an environment that was there before, whoever made it.
check_environment() {
    [[ -e $venv ]] || return 0
    if [[ ! -f $venv/pyvenv.cfg && -n $(ls -A "$venv") ]]; then
        fail "$venv is not a virtual environment; remove it, or set KJAX_VENV to another folder"
    fi
    if [[ -n ${PYTHON:-} && -e $python ]]; then
        choose_python >/dev/null
        if [[ $(version_of "$PYTHON") != "$(version_of "$python")" ]]; then
            fail "$venv has Python $(version_of "$python"), PYTHON=$PYTHON is $(version_of "$PYTHON");" \
                "set KJAX_VENV to another folder (such as .venv-$(version_of "$PYTHON")), or remove $venv"
        fi
    fi
}

# prepare_environment EXTRA...: on return, $python runs kjax with these extras of pyproject.toml.
prepare_environment() {
    local creator extra wanted missing=()
    check_environment
    # An installation that was interrupted may have left half a package behind, which pip would take for a whole
    # one: start again from nothing. (An environment that somebody else made is never cleared.)
    if [[ ! -e $python || $(cat "$state" 2>/dev/null) == incomplete ]]; then
        creator=$(choose_python)
        echo "Creating the virtual environment $venv with $("$creator" --version)" >&2
        "$creator" -m venv --clear "$venv" || fail "the virtual environment could not be created, see above"
        echo incomplete >"$state"
    fi

    wanted=$(fingerprint)
    for extra in "$@"; do
        grep -qxF "$wanted $extra" "$state" 2>/dev/null || missing+=("$extra")
    done
    ((${#missing[@]})) || return 0

    local requirement
    requirement=${project}[$(IFS=, && echo "${missing[*]}")]
    echo "Installing $requirement into $venv; the first time this takes about two minutes" >&2
    "$python" -m pip --version &>/dev/null || "$python" -m ensurepip >/dev/null || fail "$venv has no pip"
    "$python" -m pip install --quiet --disable-pip-version-check --editable "$requirement" ||
        fail "the installation failed, see above"
    {
        grep -F "$wanted " "$state" || true  # extras that were installed before, with these requirements
        printf "$wanted %s\n" "${missing[@]}"
    } >"$state.new"
    mv "$state.new" "$state"
}
