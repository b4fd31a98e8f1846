export function quoteFilename(filename: string): string {
  return [...Buffer.from(filename)]
    .map((byte) => {
      const c = String.fromCharCode(byte);
      return /[A-Za-z0-9!#$&+\-.^_`|~]/.test(c)
        ? c
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
export function unquoteFilename(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (r) =>
    Buffer.from(r.replaceAll('%', ''), 'hex').toString(),
  );
}
export function contentDisposition(filename: string): string {
  return `inline;filename="${filename.replaceAll(/[^ -~]|["\\]/g, '_')}";filename*=utf-8''${encodeURIComponent(filename.toWellFormed())}`;
}
