import mongoose, { type Schema, SchemaType } from 'mongoose';
import { UploadedFile } from '../fields/uploaded-file.js';
import { pathsOf } from './paths.js';

/** A reference in a document: `{ type: UploadedFileType, of: AnotherUploadedFile }`. */
export class UploadedFileType extends SchemaType {
  static schemaName = 'UploadedFileType';

  readonly #type: typeof UploadedFile;

  constructor(path: string, options: { of?: typeof UploadedFile }) {
    super(path, options, 'UploadedFileType');
    this.#type = options.of ?? UploadedFile;
  }

  override cast(value: unknown): UploadedFile | null {
    if (value === null || value === undefined || value instanceof UploadedFile) {
      return value ?? null;
    }
    const text = JSON.stringify(value);
    if (pathsOf(text).length > 0) return this.#type.decode(text);
    throw new mongoose.Error.CastError('UploadedFile', value, this.path);
  }
}

// Where Mongoose looks a type up by its name.
Object.assign(mongoose.Schema.Types, { UploadedFileType });

/** The paths of a schema's references, those in its sub-documents and arrays too. */
export function referencePaths(schema: Schema): string[] {
  return Object.values(schema.paths).flatMap((type) => {
    if (type instanceof UploadedFileType || embedded(type) instanceof UploadedFileType) {
      return [type.path];
    }
    const inner = 'schema' in type ? (type.schema as Schema) : undefined;
    return inner === undefined ? [] : referencePaths(inner).map((path) => `${type.path}.${path}`);
  });
}

/** What an array consists of. */
function embedded(type: SchemaType): unknown {
  return 'embeddedSchemaType' in type ? type.embeddedSchemaType : undefined;
}

/** The paths `storage/id` of all files that a document's references at these paths name. */
export function filesAt(document: unknown, paths: readonly string[]): string[] {
  return paths.flatMap((path) => [...valuesAt(document, path.split('.'))].flatMap(filesOf));
}

function* valuesAt(value: unknown, keys: readonly string[]): Generator<unknown> {
  const [key, ...rest] = keys;
  if (Array.isArray(value)) for (const one of value) yield* valuesAt(one, keys);
  else if (key === undefined) yield value;
  else if (typeof value === 'object' && value !== null) {
    yield* valuesAt((value as Record<string, unknown>)[key], rest);
  }
}

function filesOf(value: unknown): readonly string[] {
  return value instanceof UploadedFile ? value.files : pathsOf(JSON.stringify(value));
}

/** The paths `storage/id` of all files that an update is to write, wherever they stand in it. */
export function filesWithin(update: unknown): readonly string[] {
  if (update instanceof UploadedFile) return update.files;
  if (Array.isArray(update)) return update.flatMap(filesWithin);
  if (typeof update !== 'object' || update === null) return [];
  return Object.values(update).flatMap(filesWithin);
}
