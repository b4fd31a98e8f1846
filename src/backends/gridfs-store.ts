import { type Collection, type ObjectId, ReadConcern } from 'mongodb';
import { DepotError } from '../errors.js';
import { openConnection } from '../mongodb/connect.js';
import { isIndexRefused } from '../mongodb/errors.js';
import type { MongoTarget } from '../mongodb/uri.js';
import type { NetworkStorage } from '../network.js';
import type { ChunkDocument, FileDocument } from './gridfs-file.js';

/** The options, as they stand in the configuration. */
export interface GridfsSettings {
  readonly mongouri: string;
  readonly collection?: string | undefined;
}

/** The two collections of a GridFS, and how they are asked. */
export interface GridfsStore {
  readonly target: MongoTarget;
  /** Its part of a place. */
  readonly server: string;
  /** The collections' common name. */
  readonly collection: string;
  readonly files: Collection<FileDocument>;
  readonly chunks: Collection<ChunkDocument>;
  /** For people; holds no secret. */
  readonly description: string;
  /**
   * Sends a request, and again after a cut or a server's stepping down: `send` must do no harm when
   * it is done twice, and is told how often it was sent before.
   *
   * @param action such as `read a blob in`
   */
  request<T>(action: string, send: (earlier: number) => Promise<T>): Promise<T>;
  find(id: ObjectId): Promise<FileDocument | null>;
  /** Makes the indexes that every GridFS has, and with them the collections. */
  provision(): Promise<void>;
  /** The same before the first write, as far as the user may. */
  prepare(): Promise<void>;
}

export function openStore(settings: GridfsSettings, network: NetworkStorage): GridfsStore {
  const where = `${network.where}: mongouri`;
  const connection = openConnection(settings.mongouri, network, where);
  const { target, server } = connection;
  const { collection = 'filedepot' } = settings;
  const readConcern = new ReadConcern('majority');
  const files = connection.database.collection<FileDocument>(`${collection}.files`, {
    readConcern,
  });
  const chunks = connection.database.collection<ChunkDocument>(`${collection}.chunks`, {
    readConcern,
    promoteBuffers: true,
  });
  const at = target.hosts.join(',');
  const description = `the GridFS ${collection} of the database ${target.database} at ${at}`;
  const request: GridfsStore['request'] = (action, send) =>
    connection.request(`cannot ${action} ${description}`, send);
  const provision = (): Promise<void> =>
    request('make the indexes of', async () => {
      await files.createIndex({ filename: 1, uploadDate: 1 });
      await chunks.createIndex({ files_id: 1, n: 1 }, { unique: true });
    });
  let prepared: Promise<void> | null = null;
  const prepare = (): Promise<void> => {
    prepared ??= provision().catch((error: unknown) => {
      if (error instanceof DepotError && isIndexRefused(error.cause)) return;
      prepared = null;
      throw error;
    });
    return prepared;
  };
  return {
    ...{ target, server, collection, files, chunks, description, request, provision, prepare },
    find: (id) => request('look up a blob in', () => files.findOne({ _id: id })),
  };
}
