import { canonicalUuid } from '../python/uuid.js';
import { readings } from '../references/mentions.js';
import { escaped } from '../references/named-blobs.js';
import { formatReferenceText, parseReferenceText } from '../references/reference.js';
import { eraseNames } from '../references/relocate.js';
import type { Storage } from '../storage.js';
import type { IdentifierSet } from './identifier-set.js';

interface LooseOptions {
  readonly source: Storage;
  readonly target: Storage;
  readonly sourceNames: ReadonlySet<string>;
  /** The target's identifiers of what is looked for. */
  readonly there: IdentifierSet;
}

/**
 * Finds what a text names as `storage/id` in any spelling and any encoding, beside its references
 * in the source: for people, who can tell what is meant. Gives the source's identifiers.
 */
export function looseFinder(options: LooseOptions): (text: string) => Set<string> {
  const { source, target, sourceNames, there } = options;
  const publicUrl = (id: string): string | null => source.publicUrl(id);
  const names = [...sourceNames].map((name) => escaped(name)).join('|');
  const path = new RegExp(`(?<![\\w.~-])(?:${names})/([^\\s"'<>/?#&]+)`, 'g');
  return (text) => {
    const parsed = parseReferenceText(text);
    const rest =
      parsed === null
        ? text
        : formatReferenceText(parsed, (one) => eraseNames(one, sourceNames, publicUrl));
    const found = new Set<string>();
    for (const reading of readings(rest)) {
      for (const [, spelled = ''] of reading.matchAll(path)) {
        const id = spellings(spelled).find((one) => there.has(target.idFor(one)));
        if (id !== undefined) found.add(id);
      }
    }
    return found;
  };
}

/** The identifiers that may be meant, the likeliest first. */
function spellings(text: string): string[] {
  // Behind it the sentence may go on.
  const [id = ''] = /^[\w-]*/.exec(text) ?? [];
  const digits = canonicalUuid(id);
  const hyphenated = digits?.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return [
    text,
    id,
    id.toLowerCase(),
    ...(digits ? [digits] : []),
    ...(hyphenated ? [hyphenated] : []),
  ];
}
