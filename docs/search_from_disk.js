// Search where the site opens from disk: a browser starts no worker and fetches no file there, but it runs scripts.
if (location.protocol === "file:") {
  const load = (name) =>
    new Promise((done) => {
      const script = document.createElement("script");
      script.src = `${base_url}/search/${name}`;
      script.onload = done;
      document.head.append(script);
    });
  // What MkDocs' worker answers to the same messages.
  window.Worker = class {
    async postMessage(message) {
      if (message.init) {
        await load("lunr.js");
        await load("search_index.js");
        lunr.tokenizer.separator = new RegExp(searchIndex.config.separator);
        this.index = lunr(function () {
          this.ref("location");
          this.field("title");
          this.field("text");
          searchIndex.docs.forEach((page) => this.add(page));
        });
        this.pages = new Map(searchIndex.docs.map((page) => [page.location, page]));
        this.onmessage({ data: { config: searchIndex.config } });
        this.onmessage({ data: { allowSearch: true } });
      } else if (message.query) {
        const found = this.index.search(message.query).map(({ ref }) => this.pages.get(ref));
        this.onmessage({ data: { results: found.map((page) => ({ ...page, summary: page.text.slice(0, 200) })) } });
      }
    }
  };
}
