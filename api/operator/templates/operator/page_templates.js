// Stands in for underscore: its template() makes functions from text, which would need 'unsafe-eval'.
// Each template of the page has been made a function on the server (api/operator/page_templates.py).
var pageTemplates = window.pageTemplates || [];
var _ = {
    template: function (text) {
        return pageTemplates.find(function (known) { return known.text === text; }).render;
    }
};
