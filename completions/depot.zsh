#compdef depot
# depot completion for zsh: source <(depot completion zsh)
_depot() {
  local line directive=0
  local -a lines values
  lines=("${(@f)$(depot complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in "${(@)lines}"; do
    case $line in
      (:*) directive=${line#:} ;;
      (*) values+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
    esac
  done
  if ((directive & 2)); then
    _describe -t values depot values -S ''
  elif (($#values)); then
    _describe -t values depot values
  fi
  if ! ((directive & 4)); then _files; fi
}
if [[ $funcstack[1] == _depot ]]; then _depot "$@"; else compdef _depot depot; fi
