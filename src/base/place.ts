/** Places that are no folder of this machine. */

/** An address of any kind, and what begins as a copy elsewhere does. `C:\x` and `a:b` are paths. */
const elsewhere = /^(?:s3:|rclone:|[a-z][a-z\d+.-]+:\/\/)/i;

/** Whether a typed place means something else than a folder here. `./s3:x` is a folder of that name. */
export function isElsewhere(place: string): boolean {
  return elsewhere.test(place);
}
