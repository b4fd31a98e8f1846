# depot completion for fish: depot completion fish | source
function __depot_complete
  set -l words (commandline -opc)
  set -l last (commandline -ct)
  set -l lines (depot complete -- $words[2..-1] "$last" 2>/dev/null)
  set -l directive (string replace ':' '' -- $lines[-1])
  if test (count $lines) -gt 1
    printf '%s\n' $lines[1..-2]
  end
  if not contains -- "$directive" 4 6
    __fish_complete_path "$last"
  end
end
complete -c depot -f -a '(__depot_complete)'
