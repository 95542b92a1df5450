/**
 * A stream as it is, its last piece only once `whole` is done. Docker's client ends at the mark that ends an archive, not at the end of the answer: what is to be over by then
 * has to be before the mark. The stream fails as `whole` does, and the last piece is not sent.
 */
export async function* lastAfter<T>(stream: AsyncIterable<T>, whole: () => Promise<void>): AsyncGenerator<T> {
  let last: { readonly piece: T } | undefined;
  for await (const piece of stream) {
    if (last !== undefined) yield last.piece;
    last = { piece };
  }
  await whole();
  if (last !== undefined) yield last.piece;
}
