import { blobsOf, parseReferenceText } from '../references/reference.js';

/** The paths `storage/id` of all files that belong to the references in a column's text. */
export function pathsOf(text: unknown): string[] {
  const { references = [] } = (typeof text === 'string' && parseReferenceText(text)) || {};
  return references.flatMap(blobsOf).map(({ storage, id }) => `${storage}/${id}`);
}
