/* Browsers start no worker from a page that was opened from disk. The search of this site is one;
   here it runs in a hidden frame instead. From a server this file does nothing. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      const inner = frame.contentWindow
      inner.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
      this.inner = new Promise((ready, failed) => {
        const script = inner.document.createElement("script")
        script.src = url
        script.onload = () => ready(inner)
        script.onerror = failed
        inner.document.body.append(script)
      })
    }
    postMessage(data) {
      this.inner.then(inner => inner.dispatchEvent(new inner.MessageEvent("message", { data })))
    }
  }
}
