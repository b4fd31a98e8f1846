# depot completion for bash: source <(depot completion bash)
_depot() {
  local line directive=0
  local -a lines
  COMPREPLY=()
  mapfile -t lines < <(depot complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  for line in "${lines[@]}"; do
    case $line in
      :*) directive=${line#:} ;;
      *) COMPREPLY+=("${line%%$'\t'*}") ;;
    esac
  done
  if ((directive & 2)); then compopt -o nospace; fi
  if ((directive & 4)); then return; fi
  compopt -o filenames
  while IFS= read -r line; do COMPREPLY+=("$line"); done \
    < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -F _depot depot
