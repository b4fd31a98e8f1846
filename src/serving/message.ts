/** Header values by their names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | undefined>>;

/** What is needed of a request, whatever server it came to. */
export interface ServingRequest {
  readonly method: string;
  /** The request's target as it was sent, percent-encoded; a query is ignored. */
  readonly target: string;
  readonly headers: RequestHeaders;
  /** Aborted when the client has gone: then reading the blob ends. */
  readonly signal?: AbortSignal | undefined;
}

/** The bytes of a response; to be closed unless they came to an end. */
export interface ResponseBody extends AsyncIterable<Uint8Array> {
  /** Gives back what the storage holds open for it. */
  close(): Promise<void>;
}

export interface ServingResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ResponseBody | null;
}

const reasons: Readonly<Record<number, string>> = {
  301: 'Moved permanently',
  302: 'Found elsewhere for a while',
  401: 'A token is required',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  412: 'Precondition failed',
  416: 'Range not satisfiable',
  500: 'Internal server error',
  503: 'Service unavailable',
};

/** A response that says in words what its status is; without a body to a HEAD. */
export function plainResponse(
  status: number,
  { method }: Pick<ServingRequest, 'method'>,
  headers: Readonly<Record<string, string>> = {},
): ServingResponse {
  const text = `${reasons[status]}.\n`;
  return textResponse(status, 'text/plain; charset=utf-8', text, { method, headers });
}

/** The response to a request that is for nobody. */
export function notServed(request: ServingRequest): ServingResponse {
  const known = request.method === 'GET' || request.method === 'HEAD';
  return known ? plainResponse(404, request) : plainResponse(405, request, { Allow: 'GET, HEAD' });
}

/** A response with a text; without a body to a HEAD. */
export function textResponse(
  status: number,
  contentType: string,
  text: string,
  { method, headers = {} }: { method: string; headers?: Readonly<Record<string, string>> },
): ServingResponse {
  const bytes = Buffer.from(text);
  return {
    status,
    headers: {
      'Content-Type': contentType,
      'Content-Length': String(bytes.byteLength),
      'X-Content-Type-Options': 'nosniff',
      ...headers,
    },
    body: method === 'HEAD' ? null : bodyOf(bytes),
  };
}

function bodyOf(bytes: Uint8Array): ResponseBody {
  return {
    async *[Symbol.asyncIterator]() {
      yield bytes;
    },
    async close() {},
  };
}
