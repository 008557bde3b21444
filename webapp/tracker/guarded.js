/** The page must not notice a fault of the tracker. */

/** What goes wrong in here is said in the console and never thrown into the page. */
export function guarded(act) {
  return (...given) => {
    try {
      return act(...given);
    } catch (error) {
      console.warn("playlake tracker:", error);
    }
  };
}
