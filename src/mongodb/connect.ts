import { setTimeout } from 'node:timers/promises';
import type { Db } from 'mongodb';
import type { NetworkOptions } from '../network.js';
import { isTransient, mongoError } from './errors.js';
import { type MongoTarget, openTarget } from './uri.js';

/** A database on a server, and how it is asked. */
export interface MongoConnection {
  readonly target: MongoTarget;
  /** Reads from the primary; writes are durable on most servers of a replica set. */
  readonly database: Db;
  /** The server's part of a place: the same for each spelling of its address. */
  readonly server: string;
  /**
   * Sends a request, and again after a cut or a server's stepping down: `send` must do no harm when
   * it is done twice, and is told how often it was sent before.
   *
   * @param what such as `cannot read a blob in the GridFS …`
   */
  request<T>(what: string, send: (earlier: number) => Promise<T>): Promise<T>;
}

/** How often a request is sent again. */
const repeats = 4;

/** Milliseconds in which a server that takes the request must be found. */
const selectionTime = 10_000;

/** Connects when it is first used; `where` is file, line, section and setting of the URI. */
export function openConnection(
  uri: string,
  { idleTimeout, retried }: NetworkOptions,
  where: string,
): MongoConnection {
  const connectTime = Math.min(selectionTime, idleTimeout);
  const target = openTarget(
    uri,
    {
      appName: 'depot',
      serverSelectionTimeoutMS: connectTime,
      connectTimeoutMS: connectTime,
      socketTimeoutMS: idleTimeout,
      maxIdleTimeMS: idleTimeout,
      // Every request here may be sent twice: it is done below, where it is counted.
      retryReads: false,
      retryWrites: false,
    },
    where,
  );
  const { client, hosts, replicaSet } = target;
  const database = client.db(target.database, {
    readPreference: 'primary',
    writeConcern: { w: 'majority', journal: true },
  });
  const server = replicaSet === null ? hosts.join(',') : `${hosts.join(',')} ${replicaSet}`;
  const request: MongoConnection['request'] = async (what, send) => {
    for (let earlier = 0; ; earlier += 1) {
      try {
        // By itself the driver does it once, and never again where that fails.
        await client.connect();
        return await send(earlier);
      } catch (error) {
        if (earlier === repeats || !isTransient(error)) {
          throw mongoError(error, what, target.signsIn);
        }
        retried();
        await setTimeout(50 * 2 ** earlier);
      }
    }
  };
  return { target, database, server, request };
}
