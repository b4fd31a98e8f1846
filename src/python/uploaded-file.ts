/** Whether an object is a reference, as `depot.fields.upload.UploadedFile` writes it. */
export function isReference(object: ReadonlyMap<string, unknown>): boolean {
  const named =
    typeof object.get('depot_name') === 'string' && typeof object.get('file_id') === 'string';
  return named && (Array.isArray(object.get('files')) || typeof object.get('path') === 'string');
}
