/** What is done to a connection in place of passing the next bytes on. */
export type Act =
  /** Reset it. */
  | 'cut'
  /** Pass nothing on any more in either direction, and leave it open. */
  | 'stall'
  /** Answer the request over HTTP, with this. */
  | HttpAnswer;

export interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export type Side = 'client' | 'server';

/** Something that goes wrong between a client and a server, as bytes of one of them pass. */
export interface Fault {
  readonly from: Side;
  readonly does: Act | { readonly flip: string };
  /** Bytes that still pass, counted over all connections since the fault was set; default 0. */
  readonly after?: number;
  /**
   * In place of bytes: times that this side may still begin to speak. With 2 of the server, two
   * answers pass and the third is lost.
   */
  readonly turns?: number;
  /** Only on connections whose last HTTP request has such a first line. */
  readonly request?: RegExp;
  /** How often, counted anew each time; default once. */
  readonly times?: number;
}

/** A piece of bytes on its way through a connection. */
interface Passage {
  readonly side: Side;
  readonly bytes: Buffer;
  /** True where the other side was the last to speak, or nobody has. */
  readonly beginsTurn: boolean;
  /** The first line of the connection's last HTTP request, or an empty text. */
  readonly request: string;
}

/** What becomes of a piece: what passes of it, and what is done then. */
interface Verdict {
  readonly passes: Buffer;
  readonly act: Act | null;
}

/** A fault that has been set. */
export interface ArmedFault {
  /** How often it has happened. */
  readonly happened: number;
  judge(passage: Passage): Verdict;
}

export function armed(fault: Fault): ArmedFault {
  const { times = 1, after = 0, turns = null } = fault;
  let happened = 0;
  let passed = 0;
  const concerns = ({ side, request }: Passage): boolean =>
    happened < times && side === fault.from && (fault.request?.test(request) ?? true);

  const strikeAt = ({ bytes, beginsTurn }: Passage): number | null => {
    if (turns !== null) {
      if (beginsTurn) passed += 1;
      return passed > turns ? 0 : null;
    }
    const left = after - passed;
    passed += bytes.byteLength;
    return bytes.byteLength > left ? left : null;
  };

  const flip = (text: string, bytes: Buffer): Buffer => {
    const at = bytes.indexOf(text);
    if (at < 0) return bytes;
    happened += 1;
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    return changed;
  };

  return {
    get happened() {
      return happened;
    },
    judge(passage) {
      const { bytes } = passage;
      if (!concerns(passage)) return { passes: bytes, act: null };
      const { does } = fault;
      if (typeof does === 'object' && 'flip' in does) {
        return { passes: flip(does.flip, bytes), act: null };
      }
      const at = strikeAt(passage);
      if (at === null) return { passes: bytes, act: null };
      happened += 1;
      passed = 0;
      return { passes: bytes.subarray(0, at), act: does };
    },
  };
}
