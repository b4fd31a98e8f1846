import type { BlobInfo } from '../backend.js';
import type { Manager } from '../manager.js';
import { type Html, html } from './html.js';

/** Pixels of a thumbnail's sides. */
const side = 56;

/** Bytes of an image that a page shows among others, and by itself. */
const [smallImage, largeImage] = [256 * 1024, 16 * 1024 * 1024];

const shown = /^image\/(?:png|jpeg|pjpeg|gif|webp|avif|bmp|svg\+xml|x-icon|vnd\.microsoft\.icon)$/;

/** Only the origin of the URL is wanted. */
const anyHeaders = { contentType: 'image/png', contentDisposition: 'inline' };

/** The images of a page. */
export interface Images {
  /** An image made for that, of the path `smaller`, else the blob if it is a small one, else its suffix. */
  thumbnail(path: string, info: BlobInfo, smaller: string | null): Promise<Html>;
  /** The whole image, or null for what is none. */
  whole(path: string, info: BlobInfo): Promise<Html | null>;
  /** Where they come from, beside the page's own origin. */
  readonly origins: ReadonlySet<string>;
}

export function imagesOf(manager: Manager): Images {
  const origins = new Set<string>();
  const urlOf = async (path: string): Promise<string | null> => {
    try {
      const { storage, id } = await manager.locate(path);
      const elsewhere = storage.publicUrl(id) ?? (await storage.signedUrl(id, anyHeaders));
      if (elsewhere !== null) origins.add(new URL(elsewhere).origin);
      return manager.urlFor(path);
    } catch {
      // Without an image a blob is shown all the same.
      return null;
    }
  };
  return {
    origins,
    async thumbnail(path, info, smaller) {
      const fits = isImage(info) && info.contentLength <= smallImage;
      const source = smaller ?? (fits ? path : null);
      const url = source === null ? null : await urlOf(source);
      if (url !== null) {
        return html`<img src="${url}" alt="" width="${side}" height="${side}" loading="lazy">`;
      }
      return html`<span class="kind" aria-hidden="true">${suffixOf(info)}</span>`;
    },
    async whole(path, info) {
      const fits = isImage(info) && info.contentLength <= largeImage;
      const url = fits ? await urlOf(path) : null;
      return url === null ? null : html`<img class="whole" src="${url}" alt="${info.filename}">`;
    },
  };
}

function isImage({ contentType, contentLength }: BlobInfo): boolean {
  return contentLength > 0 && shown.test(contentType.toLowerCase());
}

function suffixOf({ filename }: BlobInfo): string {
  return /\.([a-z0-9]{1,4})$/i.exec(filename)?.[1]?.toUpperCase() ?? '';
}
