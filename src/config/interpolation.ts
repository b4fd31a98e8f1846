import { DepotError } from '../errors.js';
import type { RawValue } from './ini.js';
import { describeOrigin, type Origin } from './origin.js';

/** ConfigParser's limit on references within references. */
const maximalDepth = 10;

/**
 * Python's BasicInterpolation with the case of names kept: `%(name)s` is replaced by the value of that
 * name, itself interpolated, and `%%` by a percent sign.
 *
 * @param lookup the raw text of a name, in the section or else in the defaults
 * @throws DepotError `config` for a name that isn't there, a `%` that begins neither form, and a
 *   reference that goes too deep; it names the key and shows no value
 */
export function interpolate(value: RawValue, lookup: (name: string) => string | undefined): string {
  const expand = (text: string, depth: number): string => {
    if (depth > maximalDepth) {
      throw failure(value.origin, `its %(…)s lead to each other more than ${maximalDepth} deep`);
    }
    return text.replaceAll(/%(?:(%)|\(([^)]+)\)s)?/g, (_, percent, name) => {
      if (percent !== undefined) return '%';
      if (name === undefined) throw failure(value.origin, 'a % must begin %% or %(NAME)s');
      const found = lookup(name);
      if (found === undefined) {
        throw failure(value.origin, `%(${name})s names no setting of the section or of [DEFAULT]`);
      }
      return found.includes('%') ? expand(found, depth + 1) : found;
    });
  };
  return expand(value.text, 1);
}

function failure(origin: Origin, why: string): DepotError {
  return new DepotError('config', `${describeOrigin(origin)}: ${why}`, {
    hint: 'Write %% for a percent sign.',
  });
}
