/**
 * Frees bytes that nobody reads any more, where they are all of their memory; a part of some memory is left alone. V8 counts memory of buffers as outside of
 * its heap, frees it in a collection only, and looks at its whole heap whenever so much of it has come as the heap has room: ADR 0429.
 */
export function spent(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength > 0 && bytes.byteLength === buffer.byteLength) buffer.transfer(0);
}
