import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';

/** A value as the driver gives it: texts, times and wide integers as text, bytes as they are. */
export type Value = string | number | Buffer | null;
export type Row = readonly Value[];

/** A value for a parameter: numbers as text, which loses nothing of them. */
export type Parameter = string | Buffer | null;

type Callback<T> = (error: Error | null, result: T) => void;

/** What a statement gives: rows, or where there are none what it did. */
export type DriverResult = Row[] | { readonly affectedRows: number };

/** A statement that is running; tells each row by `result`, then `end`, or `error` and `end`. */
export type DriverCommand = EventEmitter;

export interface DriverStatement {
  /** The server's number of it. */
  readonly id: number;
  readonly parameters: readonly unknown[];
  execute(values: readonly Parameter[], callback?: Callback<DriverResult>): DriverCommand;
}

/** What we use of a connection of `mysql2`, and its types do not tell. */
export interface Driver extends EventEmitter {
  /** The socket, or what encrypts it. */
  readonly stream: Duplex;
  readonly threadId: number;
  /** Prepares a statement, or finds the one that it has prepared before. */
  prepare(sql: string, callback: Callback<DriverStatement>): void;
  query(sql: string, callback: Callback<DriverResult>): void;
  /** Delivers no rows until `resume`. */
  pause(): void;
  resume(): void;
  end(): void;
}
