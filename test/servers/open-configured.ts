import type { NetworkOptions } from '../../src/network.js';
import { kindOf, openBackend } from '../../src/registry.js';
import { Storage } from '../../src/storage.js';
import type { Configured } from './configured.js';

/** Opens a configured place as the command line does, without a file of its configuration. */
export async function openConfigured(
  name: string,
  place: Configured,
  network: NetworkOptions,
): Promise<Storage> {
  const { backend = '', ...options } = { ...place.options, ...place.own };
  const kind = kindOf(backend) as string;
  const setting = (key: string, value: string) => ({
    value,
    origin: { file: '/site/site.ini', line: 1, section: 'app:main', key },
  });
  const settings = Object.entries(options).map(
    ([key, value]) => [key, setting(key, value)] as const,
  );
  const opened = await openBackend(kind, new Map(settings), {
    ...network,
    ...{ name, where: '/site/site.ini line 1', directory: '/site', timezone: 'UTC' },
    notice() {},
    async applicationDatabase() {
      const { openSqlDatabase } = await import('../../src/databases/open.js');
      const url = setting('sqlalchemy.url', place.sqlalchemyUrl as string);
      return openSqlDatabase(url, '/site', { ...network, notice() {} });
    },
  });
  return new Storage(name, kind, opened);
}
