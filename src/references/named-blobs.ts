/**
 * Names of blobs in running text that can be exchanged: a path `storage/id`, the URL under which
 * the site serves it, or its public URL, where nothing before or behind lets it mean something
 * else. Their parts look the same in plain text, in JSON, in HTML and in a URL; only the slashes
 * between them differ, and these stay as they are.
 */

/** How texts call the blobs of a storage. */
export interface Naming {
  /** Its own name and its aliases. */
  readonly names: ReadonlySet<string>;
  /** Where the application serves blobs, such as `/depot`. */
  readonly mountpoint: string;
  /** Null where the storage has none. */
  publicUrl(id: string): string | null;
}

/** A blob's name in a text. */
export interface NamedBlob {
  /** The identifier, as it is spelled there. */
  readonly id: string;
  /** In UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** What to write instead, in the same encoding; null where that cannot be told. */
  renamed(to: { storage: string; id: string; url: string }): string | null;
}

/** Finds them in a text, in their order. */
export type BlobFinder = (text: string) => NamedBlob[];

/** What a storage's name or an identifier must be made of to look the same in every encoding. */
export const plainName = /^[\w.~-]+$/;

const slash = String.raw`(?:\\*/|%(?:25)*2[fF]|&#47;|&#[xX]2[fF];|\\+u002[fF])`;
const colon = '(?::|%(?:25)*3[aA]|&#58;)';
const identifier = '([0-9A-Za-z_-]+)';

/** What may stand before a name; `x` stands for what was cut off. */
const begin =
  String.raw`(?:^|[\s"'${'`'}(<>[\]{},;=|]|%(?:20|22|27|28|2[cC]|3[bBcCdDeE]|7[cC]|0[aAdD])` +
  String.raw`|\\u00(?:20|22|27|3[cCdDeE])|(?<!\\)(?:\\\\)*\\[nrtbf])`;

/** What may stand behind a name, beside a slash. */
const end =
  String.raw`(?:$|[\s"'${'`'}()<>[\]{},;!|?#*]|[.:](?:$|[\s"'<)\\&])|\\+["nrtbf]` +
  String.raw`|\\u00(?:20|22|26|27|3[cCeE])|&(?:quot|lt|gt|amp|nbsp|apos|#3[49]|#[xX]2[27]);` +
  String.raw`|&\w+=|%(?:0[aAdD]|2[0-367-9cC]|3[bBcCeEfF]|5[bBdD]|7[bBcCdD]))`;

/** Far more than a host and a mount point have. */
const reach = 400;

export function blobFinder(naming: Naming): BlobFinder {
  const finders = [pathFinder(naming), ...urlFinders(naming)];
  return (text) => {
    const found = finders
      .flatMap((find) => find(text))
      .sort((one, other) => one.start - other.start);
    return found.filter(({ start }, index) => start >= (found[index - 1]?.end ?? 0));
  };
}

/** The text with some of its names exchanged. */
export function replaceNames(
  text: string,
  names: readonly { start: number; end: number; by: string }[],
): string {
  let [result, at] = ['', 0];
  for (const { start, end, by } of names) {
    result += text.slice(at, start) + by;
    at = end;
  }
  return result + text.slice(at);
}

function pathFinder({ names, mountpoint }: Naming): BlobFinder {
  const alternatives = [...names]
    .filter((name) => plainName.test(name))
    .sort((one, other) => other.length - one.length)
    .map(escaped);
  if (alternatives.length === 0) return () => [];
  // Not read past its storage: the identifier may turn out to be the storage of another path.
  const path = new RegExp(`(?:${alternatives.join('|')})(?=(${slash})${identifier})`, 'g');
  const parts = mountpoint.split('/').filter((part) => part !== '');
  const mount = parts.map((part) => `${slash}${escaped(part)}`).join('');
  const host = String.raw`(?:https?${colon})?${slash}${slash}[^\s/?#"'<>\\%&]+(?:${colon}\d+)?`;
  const relative = String.raw`\.{1,2}(?:${slash}\.\.)*`;
  const beforePath = new RegExp(`${begin}$`);
  const beforeUrl = new RegExp(`${begin}(?:${host}|${relative})?${mount}${slash}$`);
  const behindPath = new RegExp(`^(?:${slash}download)?${end}`);
  const behindUrl = new RegExp(`^(?:${slash}|${end})`);
  return (text) =>
    [...text.matchAll(path)].flatMap((match) => {
      const [storage, separator = '', id = ''] = match;
      const start = match.index;
      const end = start + storage.length + separator.length + id.length;
      const { before, behind } = around(text, start, end);
      const isUrl = beforeUrl.test(before) && behindUrl.test(behind);
      // A word behind a slash may mean anything, and an identifier hardly.
      const isPath = isUnmistakable(id) && beforePath.test(before) && behindPath.test(behind);
      if (!isUrl && !isPath) return [];
      const renamed: NamedBlob['renamed'] = (to) => `${to.storage}${separator}${to.id}`;
      return [{ id, start, end, renamed }];
    });
}

/** A URL as texts of different kinds spell it. */
const encodings: readonly ((url: string) => string)[] = [
  (url) => url,
  (url) => url.replaceAll('/', String.raw`\/`),
  encodeURIComponent,
];

/** In a URL, characters that no kind of text needs to escape. */
const plainUrl = /^[\w.~:/?#@!$()*+,=%-]+$/;

function urlFinders({ publicUrl }: Naming): BlobFinder[] {
  // Of both kinds of identifiers; a storage without URLs has one for neither.
  const probes = ['f8fd9e46-e6ef-11f1-b551-02fc00000001', 'f8fd9e46e6ef11f1b55102fc'];
  const urls = probes.map((id) => publicUrl(id)?.split(id)).filter((parts) => parts?.length === 2);
  const [prefix, suffix] = urls[0] ?? [];
  if (prefix === undefined || suffix === undefined) return [];
  const before = new RegExp(`${begin}$`);
  const behind = new RegExp(`^${end}`);
  return encodings.map((encode) => {
    const url = new RegExp(
      `${escaped(encode(prefix))}${identifier}${escaped(encode(suffix))}`,
      'g',
    );
    return (text) =>
      [...text.matchAll(url)].flatMap((match) => {
        const [whole, id = ''] = match;
        const place = around(text, match.index, match.index + whole.length);
        if (!before.test(place.before) || !behind.test(place.behind)) return [];
        const renamed: NamedBlob['renamed'] = (to) =>
          plainUrl.test(to.url) ? encode(to.url) : null;
        return [{ id, start: match.index, end: match.index + whole.length, renamed }];
      });
  });
}

function around(text: string, start: number, end: number): { before: string; behind: string } {
  const from = start - reach;
  const before = from > 0 ? `x${text.slice(from, start)}` : text.slice(0, start);
  return { before, behind: text.slice(end, end + reach) };
}

function isUnmistakable(id: string): boolean {
  const digits = id.replaceAll('-', '');
  return /^[0-9a-f]+$/i.test(digits) && (digits.length === 32 || digits.length === 24);
}

export function escaped(text: string): string {
  return text.replaceAll(/[$()*+./?[\\\]^{|}]/g, String.raw`\$&`);
}
