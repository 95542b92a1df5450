import { constants, type IncomingHttpHeaders } from 'node:http2';
import { Metadata, status as Code, type StatusObject } from '@grpc/grpc-js';

/** grpc-timeout: at most eight digits and a unit. */
export function timeoutHeader(ms: number): string {
  for (const [unit, size] of [
    ['m', 1],
    ['S', 1000],
    ['M', 60_000],
  ] as const) {
    const count = Math.ceil(ms / size);
    if (count < 1e8) return `${count}${unit}`;
  }
  return `${Math.min(99_999_999, Math.ceil(ms / 3_600_000))}H`;
}

/** Headers without those of HTTP/2 and of the transport. */
export function metadataOf(headers: IncomingHttpHeaders): Metadata {
  const kept = Object.entries(headers).filter(
    ([name]) => !name.startsWith(':') && name !== 'grpc-status' && name !== 'grpc-message' && name !== 'content-type',
  );
  return Metadata.fromHttp2Headers(Object.fromEntries(kept));
}

/** The end as trailers tell it. */
export function statusOf(headers: IncomingHttpHeaders): StatusObject {
  const named = Number(headers['grpc-status']);
  const message = headers['grpc-message'];
  return {
    code: Number.isInteger(named) && Code[named] !== undefined ? named : Code.UNKNOWN,
    details: typeof message === 'string' ? decoded(message) : '',
    metadata: metadataOf(headers),
  };
}

/** Messages are percent-encoded; what is not is left as it is. */
function decoded(message: string): string {
  try {
    return decodeURI(message);
  } catch {
    return message;
  }
}

/** gRPC's codes for servers that are none (grpc/doc/http-grpc-status-mapping.md). */
export function codeOfHttp(status: number): Code {
  switch (status) {
    case 400:
      return Code.INTERNAL;
    case 401:
      return Code.UNAUTHENTICATED;
    case 403:
      return Code.PERMISSION_DENIED;
    case 404:
      return Code.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return Code.UNAVAILABLE;
    default:
      return Code.UNKNOWN;
  }
}

/** gRPC's codes for the reset of a stream (gRPC over HTTP2, "Errors"); no reset at all is a connection that was lost. */
export function codeOfReset(reset: number | undefined): Code {
  switch (reset) {
    case undefined:
    case constants.NGHTTP2_NO_ERROR:
    case constants.NGHTTP2_REFUSED_STREAM:
      return Code.UNAVAILABLE;
    case constants.NGHTTP2_CANCEL:
      return Code.CANCELLED;
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return Code.RESOURCE_EXHAUSTED;
    case constants.NGHTTP2_INADEQUATE_SECURITY:
      return Code.PERMISSION_DENIED;
    default:
      return Code.INTERNAL;
  }
}
