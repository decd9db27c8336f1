// Replaces underscore, whose template() compiles text to functions and so would need 'unsafe-eval'.
// The server has already compiled each template of the page to a function (api/operator/page_templates.py).
var pageTemplates = window.pageTemplates || [];
var _ = {
    template: function (text) {
        return pageTemplates.find(function (known) { return known.text === text; }).render;
    }
};
