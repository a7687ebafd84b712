// Before the first paint, and as a file: the page's policy allows no script in the document.
;(() => {
    let chosen = null
    try {
        chosen = localStorage.getItem('galley.theme')
    } catch {}
    const dark = chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
    document.documentElement.dataset.theme = dark ? 'dark' : 'light'
})()
