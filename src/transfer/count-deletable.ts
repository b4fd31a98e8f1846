import { blobFinder } from '../references/named-blobs.js';
import { formatReferenceText, parseReferenceText } from '../references/reference.js';
import { relocate, sourceIds } from '../references/relocate.js';
import { rewriteText } from '../references/rewrite-text.js';
import { stillMentioned } from './delete-source.js';
import { openFindings } from './findings.js';
import type { IdentifierSet } from './identifier-set.js';
import { relocationOf } from './migrate.js';
import { findMentions } from './protection.js';
import type { MentionOptions } from './rewrite-mentions.js';
import { renamed } from './rewrite-mentions.js';

interface PreviewOptions extends MentionOptions {
  readonly rewriteMentions: boolean;
  /** The target's identifiers of what would move. */
  readonly moved: IdentifierSet;
}

/**
 * Counts the blobs that would be deleted once what a dry run found has moved, and names those that
 * would be kept because something else names them. Nothing is compared
 * and no time looked at: it may be fewer.
 */
export async function countDeletable(options: PreviewOptions): Promise<void> {
  const { source, target } = options.copyOptions;
  const findings = openFindings();
  try {
    for await (const id of source.list()) findings.add(id, target.idFor(id));
    await findMentions({ ...options, target, preview: previewer(options) }, findings);
    for (const { id, mention } of findings.blobs('')) {
      if (mention === null) options.counts.blobs.deleted += 1;
      else
        options.observer.problem({
          ...{ reference: mention, path: source.path(id) },
          ...stillMentioned(source.path(id)),
        });
    }
  } finally {
    findings.close();
  }
}

/** Moves in a text what the dry run would have moved there. */
function previewer(options: PreviewOptions): (text: string) => string {
  const { copyOptions, sourceNames, mountpoint, moved, rewriteMentions } = options;
  const { source, target } = copyOptions;
  const relocation = relocationOf(options);
  const isMoved = (id: string): boolean => moved.has(target.idFor(id));
  const publicUrl = (id: string): string | null => source.publicUrl(id);
  const find = blobFinder({ names: sourceNames, mountpoint, publicUrl });
  return (text) => {
    const parsed = parseReferenceText(text);
    const after =
      parsed === null
        ? text
        : formatReferenceText(parsed, (one) =>
            [...sourceIds(one, sourceNames)].every(isMoved) ? relocate(one, relocation) : one,
          );
    if (!rewriteMentions) return after;
    return rewriteText(after, find, sourceNames, (name) =>
      isMoved(name.id) ? renamed(name, options) : null,
    ).text;
  };
}
