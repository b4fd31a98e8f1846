import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** README.md and every document for users. */
export const documents: readonly string[] = [
  'README.md',
  ...readdirSync(path.join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Code in a document: a block, indented or fenced, or what stands between backquotes in a text. */
export interface Code {
  /** Of its first line, from 1. */
  readonly line: number;
  /** The last heading before it. */
  readonly heading: string;
  readonly inline: boolean;
  /** What the fence names, such as `js`. */
  readonly language: string;
  readonly text: string;
  /** The rest of the line behind inline code. */
  readonly after: string;
}

interface Piece {
  readonly line: number;
  readonly lines: string[];
  /** Null for a paragraph. */
  readonly language: string | null;
  /** How far at least the lines of indented code are indented. */
  readonly indent: number;
}

export function readDocument(document: string): string {
  return readFileSync(path.join(root, document), 'utf8');
}

/** All code of a document, in its order. */
export function codeOf(text: string): Code[] {
  let heading = '';
  return [...pieces(text.split('\n'))].flatMap((piece) => {
    const { line, lines, language } = piece;
    if (language === null) {
      heading = /^#+ (.*)$/.exec(lines[0] as string)?.[1] ?? heading;
      return spans(piece).map((span) => ({ ...span, heading }));
    }
    return [{ line, heading, inline: false, language, text: unindented(lines), after: '' }];
  });
}

/** Paragraphs, headings, items of lists, and blocks of code. */
function* pieces(lines: readonly string[]): Generator<Piece> {
  let piece: Piece | null = null;
  let fenced = false;
  let listIndent = 0;
  for (const [index, text] of lines.entries()) {
    const indent = text.length - text.trimStart().length;
    const fence = /^\s*(?:```|~~~)(.*)$/.exec(text);
    const blank = text.trim() === '';
    if (fenced && fence === null) piece?.lines.push(text);
    else if (fence !== null) {
      if (piece !== null) yield piece;
      fenced = !fenced;
      piece = fenced ? { line: index + 2, lines: [], language: fence[1] as string, indent } : null;
    } else if (piece !== null && continues(piece, text, indent)) piece.lines.push(text);
    else {
      if (piece !== null) yield piece;
      if (blank) piece = null;
      else {
        const afterBlank: boolean = piece === null || piece.language !== null;
        if (afterBlank && indent < listIndent) listIndent = 0;
        const code: boolean = afterBlank && indent >= listIndent + 4;
        listIndent = (!code && item.exec(text)?.[0].length) || listIndent;
        const language: string | null = code ? '' : null;
        piece = { line: index + 1, lines: [text], language, indent: listIndent + 4 };
      }
    }
  }
  if (piece !== null) yield piece;
}

const item = /^\s*(?:[-*]|\d+\.) +/;

function continues(piece: Piece, text: string, indent: number): boolean {
  const blank = text.trim() === '';
  if (piece.language !== null) return blank || indent >= piece.indent;
  return !blank && !item.test(text) && !text.startsWith('#');
}

/** What stands between backquotes in a paragraph, over the ends of its lines too. */
function spans({ line, lines }: Piece): Omit<Code, 'heading'>[] {
  const whole = lines.join('\n');
  return [...whole.matchAll(/(`+)([^`]+)\1/g)].map((match) => ({
    line: line + whole.slice(0, match.index).split('\n').length - 1,
    inline: true,
    language: '',
    text: (match[2] as string).replace(/\s*\n\s*/g, ' '),
    after: whole.slice(match.index + match[0].length).split('\n', 1)[0] as string,
  }));
}

function unindented(lines: readonly string[]): string {
  const written = lines.filter((line) => line.trim() !== '');
  const common = Math.min(...written.map((line) => line.length - line.trimStart().length));
  return lines
    .map((line) => line.slice(common))
    .join('\n')
    .trimEnd();
}
