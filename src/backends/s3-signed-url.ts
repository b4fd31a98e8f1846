import { GetObjectCommand } from '@aws-sdk/client-s3';
import type { GivenHeaders } from '../backend.js';
import { ask, type S3Bucket } from './s3-object.js';

/** A request as the SDK signs it. */
interface SignedRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>> | undefined;
}

/** What signs the SDK's requests also signs their URLs, which its type does not say. */
interface Signer {
  presign(request: SignedRequest, options: { expiresIn: number }): Promise<SignedRequest>;
}

/**
 * A URL with which anybody gets an object for so many seconds. The SDK itself makes and signs the
 * request, which is not sent.
 */
export async function signedUrl(
  bucket: S3Bucket,
  key: string,
  { contentType, contentDisposition }: GivenHeaders,
  seconds: number,
): Promise<string> {
  const { client } = bucket.access;
  const command = new GetObjectCommand({
    Bucket: bucket.name,
    Key: key,
    ResponseContentType: contentType,
    ResponseContentDisposition: contentDisposition,
  });
  let signed: SignedRequest | undefined;
  command.middlewareStack.add(
    (_send, context) => async (args) => {
      const request = args.request as SignedRequest;
      const [scheme] = context.endpointV2?.properties?.authSchemes ?? [];
      const signer = (await client.config.signer(scheme)) as unknown as Signer;
      // Browsers send no other header that could be signed.
      const headers = { host: hostOf(request), 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };
      const asked = Object.assign(request, { headers });
      signed = await signer.presign(asked, { expiresIn: seconds });
      return { response: undefined, output: { $metadata: {} } };
    },
    { step: 'build', priority: 'low', name: 'depotSignUrl' },
  );
  await ask(bucket, 'sign a URL of', () => client.send(command));
  return urlOf(signed as SignedRequest);
}

function hostOf({ hostname, port }: SignedRequest): string {
  return port === undefined ? hostname : `${hostname}:${port}`;
}

function urlOf(request: SignedRequest): string {
  const { protocol, path, query = {} } = request;
  const parameters = Object.entries(query).map(([name, value]) => `${name}=${quoted(`${value}`)}`);
  return `${protocol}//${hostOf(request)}${path}?${parameters.join('&')}`;
}

/** As signatures take it. */
function quoted(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
