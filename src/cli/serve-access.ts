import { createHash, timingSafeEqual } from 'node:crypto';
import { plainResponse, type ServingRequest } from '../serving/message.js';
import type { Responder } from '../serving/respond.js';

/** Whether only this machine reaches a server that listens there. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/**
 * Lets only those through who have the token: as `Authorization: Bearer`, or as the password that
 * browsers ask for. Without a token, whoever asks for this machine by a name of its own: a page on
 * the web could otherwise give its own name this machine's address, and read what is served.
 */
export function guarded(respond: Responder, token: string | null): Responder {
  return async (request) => {
    if (token === null) return isOwnName(request) ? respond(request) : plainResponse(403, request);
    if (isToken(request.headers.authorization ?? '', token)) return respond(request);
    const challenge = 'Basic realm="depot serve", charset="UTF-8"';
    return plainResponse(401, request, { 'WWW-Authenticate': challenge });
  };
}

function isOwnName({ headers }: ServingRequest): boolean {
  const name = (headers.host ?? '').replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
  return isLoopback(name.toLowerCase());
}

function isToken(authorization: string, token: string): boolean {
  const [, scheme = '', value = ''] = /^(\w+) +(.*)$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() === 'bearer') return equal(value.trim(), token);
  if (scheme.toLowerCase() !== 'basic') return false;
  const [, password = ''] = /^[^:]*:(.*)$/s.exec(Buffer.from(value, 'base64').toString()) ?? [];
  return equal(password, token);
}

/** How long it takes tells nothing of the token. */
function equal(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
