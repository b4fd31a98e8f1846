import { type Content, type FileAttributes, uploadOf } from '../library/file-intent.js';
import type { StoredFile } from '../library/stored-file.js';
import type { Manager } from '../manager.js';
import { type Image, openImage, type Size } from './images.js';
import type { UploadDraft } from './upload-draft.js';
import { UploadedFile } from './uploaded-file.js';

/**
 * An image that is made smaller where it is large, with a thumbnail, as
 * `depot.fields.specialized.image.UploadedImageWithThumb` does: keys `thumb_id`, `thumb_path` and
 * `_thumb_public_url` in the reference. Types of the application's own may have other sizes.
 */
export class UploadedImageWithThumb extends UploadedFile {
  /** Pixels, wide or high, from which on an image is made smaller. */
  static readonly maxSize: number = 1024;
  static readonly thumbnailSize: Size = [128, 128];
  static readonly thumbnailFormat: string = 'PNG';

  static override async processContent(
    draft: UploadDraft,
    content: Content,
    attributes: FileAttributes,
  ): Promise<void> {
    const { chunks, filename, contentType } = await uploadOf(content, attributes);
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(Uint8Array.from(chunk));
    const original = Buffer.concat(parts);
    const image = await openImage(original, filename ?? 'the upload');
    const bytes = await UploadedImageWithThumb.#limited(image, original, this.maxSize);
    await super.processContent(draft, bytes, { filename, contentType });
    const format = this.thumbnailFormat;
    const small = await image.thumbnail(this.thumbnailSize, { format, kernel: 'lanczos3' });
    const thumb = await draft.storeContent(small, { filename: `thumb.${format.toLowerCase()}` });
    draft.value.set('thumb_id', thumb.id);
    draft.value.set('thumb_path', thumb.path);
    draft.value.set('_thumb_public_url', thumb.publicUrl);
  }

  static async #limited(image: Image, original: Buffer, maxSize: number): Promise<Buffer> {
    const isLarge = Math.max(image.width, image.height) >= maxSize;
    return isLarge ? image.within([maxSize, maxSize]) : original;
  }

  /** The thumbnail as it is stored. */
  thumbFile(manager: Pick<Manager, 'getFile'>): Promise<StoredFile> {
    return manager.getFile(String(this.get('thumb_path')));
  }

  /** Where visitors fetch the thumbnail. */
  thumbUrl(manager: Pick<Manager, 'urlFor'>): string {
    const url = this.get('_thumb_public_url');
    return typeof url === 'string' && url !== ''
      ? url
      : manager.urlFor(String(this.get('thumb_path')));
  }
}
