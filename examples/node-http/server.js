// Plain node:http: what is sent to /upload?filename=NAME is stored, and served below /depot.
//
//   curl -T report.pdf 'http://127.0.0.1:8000/upload?filename=report.pdf'

import { createServer } from 'node:http';
import { configurationOf, createNodeHandler, Manager } from 'filedepot';

const storages = { files: { backend: 'local', storage_path: 'files' } };
const manager = new Manager(configurationOf({ storages }));
await (await manager.storage()).backend.provision();
const handler = createNodeHandler(manager);

async function upload(request, response, url) {
  const filename = url.searchParams.get('filename') ?? undefined;
  const contentType = request.headers['content-type'];
  const { path } = await manager.store(request, { filename, contentType });
  response.writeHead(201, { Location: manager.urlFor(path) }).end(`${path}\n`);
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (request.method !== 'PUT' || url.pathname !== '/upload') return handler(request, response);
  return upload(request, response, url).catch((error) => {
    console.error(error.message);
    response.writeHead(500).end();
  });
});
const port = Number(process.env.PORT ?? 8000);
server.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}/upload`));
