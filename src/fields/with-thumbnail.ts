import { openImage, type Size } from './images.js';
import type { UploadDraft } from './upload-draft.js';
import type { UploadFilter } from './uploaded-file.js';

/**
 * A filter that makes a smaller image of an uploaded one, as
 * `depot.fields.filters.thumbnails.WithThumbnailFilter` does: keys `thumb_<w>x<h>_id`, `_path` and
 * `_url` in the reference.
 */
export class WithThumbnail implements UploadFilter {
  readonly size: Size;
  readonly format: string;

  /** At most so many pixels wide and high, in a format such as `PNG`, `JPEG` or `WEBP`. */
  constructor(size: Size = [128, 128], format = 'PNG') {
    this.size = size;
    this.format = format;
  }

  async onSave(draft: UploadDraft): Promise<void> {
    const { size, format } = this;
    const image = await openImage(await draft.original.bytes(), draft.original.filename);
    const name = `thumb_${size[0]}x${size[1]}`;
    const bytes = await image.thumbnail(size, { format, kernel: 'linear' });
    const filename = `${name}.${format.toLowerCase()}`;
    const file = await draft.storeContent(bytes, { filename });
    draft.value.set(`${name}_id`, file.id);
    draft.value.set(`${name}_path`, file.path);
    draft.value.set(`${name}_url`, `${draft.store.mountpoint}/${file.path}`);
  }
}
