import { DepotError } from '../../src/errors.js';

/** How our messages say what Python's error classes say. */
const classes: [pattern: RegExp, pythonClass: string][] = [
  [/the file already has this section/, 'DuplicateSectionError'],
  [/the section already has this key/, 'DuplicateOptionError'],
  [/no section header above/, 'MissingSectionHeaderError'],
  [/neither a section header nor KEY = VALUE/, 'ParsingError'],
  [/not UTF-8/, 'UnicodeDecodeError'],
  [/a % must begin/, 'InterpolationSyntaxError'],
  [/names no setting of the section or of \[DEFAULT\]/, 'InterpolationMissingOptionError'],
  [/lead to each other more than/, 'InterpolationDepthError'],
  [/there is no global setting/, 'KeyError'],
  [/no section \[app:|more than one application '|a pipeline has no other setting/, 'LookupError'],
  [/no setting '(next|pipeline)'|is none of config:, egg: and call:/, 'LookupError'],
  [/the pipeline is empty/, 'IndexError'],
  [/it uses itself/, 'RecursionError'],
  [/no such file/, 'FileNotFoundError'],
  [/Kotti reads 'kotti\.depot\.' only before a number/, 'ValueError'],
];

/** The class of the error that Python raises where we throw this one. */
export function pythonClassOf(error: unknown): string {
  if (!(error instanceof DepotError)) throw error;
  const found = classes.find(([pattern]) => pattern.test(error.message));
  return found?.[1] ?? error.message;
}

/** The answer, or the Python class of the error. */
export async function outcome<T>(action: () => T | Promise<T>): Promise<T | { error: string }> {
  try {
    return await action();
  } catch (error) {
    return { error: pythonClassOf(error) };
  }
}
