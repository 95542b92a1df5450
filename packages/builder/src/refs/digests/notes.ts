/**
 * What whoever wrote a tree knew of the contents of its files: some digests, or the list that the tree was made by, a file with all of them beside it
 * (packages/native/tree/listing.h). Used up by the first walk of the whole tree.
 */
export class DigestNotes {
  private readonly notes = new Map<string, Map<string, Buffer>>();
  private readonly lists = new Map<string, string>();

  add(id: string, digests: ReadonlyMap<string, Buffer>): void {
    const known = this.notes.get(id);
    if (known === undefined) this.notes.set(id, new Map(digests));
    else for (const [path, digest] of digests) known.set(path, digest);
  }

  of(id: string): ReadonlyMap<string, Buffer> {
    return this.notes.get(id) ?? new Map<string, Buffer>();
  }

  setList(id: string, path: string): void {
    this.lists.set(id, path);
  }

  /** Path of the list; the file may be gone. */
  listOf(id: string): string | undefined {
    return this.lists.get(id);
  }

  forget(id: string): void {
    this.notes.delete(id);
    this.lists.delete(id);
  }
}
